/* Put your own code into `evaluate`; cc -O2 -o check check.c -lm; backproof vectors --out - | ./check */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const char *names[] = {"tanh", "relu", "sigmoid", "softplus", "half_squared_error", "bce"};
static char line[1 << 22], id[64];
static double in[4096], given[4096], out[4096], slope[4096], value[4096], bound[4096];
static long entries[6], outside[6], total, wrong, vectors = -1, footer = -2; /* the header is no vector */
static char *after(const char *from, const char *text) { /* where in the line the text ends */
    char *at = strstr(from, text);
    if (!at) fprintf(stderr, "vector %ld lacks %s\n", vectors, text), exit(1);
    return at + strlen(text);
}
/* The numbers of a matrix, row by row, or their bounds, if `which` is "bound"; and how many they are. */
static int numbers(const char *name, const char *which, double *x) {
    char key[64], *at, *end;
    snprintf(key, sizeof key, "\"%s\":{\"shape\":[", name);
    long rows = strtol(at = after(line, key), &end, 10), count = rows * strtol(end + 1, NULL, 10);
    snprintf(key, sizeof key, "\"%s\":", which), end = after(at, key);
    for (int i = 0; i < count && i < 4096; i++) x[i] = strtod(end + 1, &end);
    return count > 4096 ? exit(1), 0 : (int)count;
}
static void check(int f, const char *name, const double *x) {
    int count = numbers(name, "value", value);
    numbers(name, "bound", bound), entries[f] += count, total += count;
    for (int i = 0; i < count; i++)
        if (!(fabs(x[i] - value[i]) <= bound[i])) outside[f]++, wrong++; /* NaN is outside, too */
}
/* One entry: an activation and its derivative at z, or a loss and its derivative at z for a target y. */
static void evaluate(int f, double z, double y, double beta, double *a, double *d) {
    if (f == 0) *a = tanh(z), *d = 1 - *a * *a;
    if (f == 1) *a = fmax(z, 0), *d = z > 0;
    if (f == 2) *a = 1 / (1 + exp(-z)), *d = *a / (1 + exp(z));
    if (f == 3) *a = fmax(z, 0) + log1p(exp(-fabs(beta * z))) / beta, *d = 1 / (1 + exp(-beta * z));
    if (f == 4) *a = (z - y) * (z - y) / 2, *d = z - y;
    if (f == 5) *a = -y * log(z) - (1 - y) * log1p(-z), *d = (z - y) / (z * (1 - z));
}
static void look(int f, int loss) {
    snprintf(id, sizeof id, "\"id\":\"%s/%s/", loss ? "loss" : "activation", names[f]);
    if (!strstr(line, id) || strstr(line, "\"weight\":")) return; /* another function, or a weighted loss */
    int count = numbers(loss ? "A" : "Z", "value", in);
    double number = f < 3 ? 1 : atof(after(line, loss ? "\"divisor\":" : "\"beta\":")), sum = 0;
    numbers(loss ? "Y" : "dA", "value", given); /* targets, or what comes from the next layer */
    for (int i = 0; i < count; i++) {
        evaluate(f, in[i], given[i], number, &out[i], &slope[i]);
        sum += out[i] / number, slope[i] *= loss ? 1 / number : given[i];
    }
    check(f, loss ? "loss" : "A", loss ? &sum : out), check(f, loss ? "dA" : "delta", slope);
}
int main(void) {
    while (footer < 0 && fgets(line, sizeof line, stdin)) {
        if (strstr(line, "\"kind\":\"footer\"")) footer = atol(after(line, "\"vectors\":"));
        else vectors++;
        for (int f = 0; f < 6; f++) look(f, f > 3);
    }
    for (int f = 0; f < 6; f++) printf("%s: %ld entries, %ld outside\n", names[f], entries[f], outside[f]);
    if (footer != vectors) puts("the file is cut short");
    return !total || wrong || footer != vectors;
}
