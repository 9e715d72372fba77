/* A network in C under test, in dialogue: JSON lines on standard input and output. No library is needed.
 *
 *   cc -O2 -o my_net examples/dialogue/net.c -lm          (float64; with -DREAL=float it is float32)
 *   backproof smoke --impl-cmd ./my_net
 *   backproof run --impl-cmd ./my_net
 *
 * Samples are columns: X is (n_0, m), W[l] is (n_l, n_{l-1}), b[l] is (n_l, 1).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef REAL
#define REAL double
#endif
typedef REAL real;
#define DTYPE (sizeof(real) == sizeof(float) ? "float32" : "float64")

/* ---- as much of JSON as the messages need; memory is from one pool, given back after each line ---- */

typedef struct Value {
    double number;
    char *text;                       /* of a string */
    struct Value *key, *first, *next; /* the members of an object have keys; first child, next sibling */
} Value;
static char *pool;
static size_t pool_size, pool_used;

static void *take(size_t size) {
    char *memory = pool + pool_used;
    pool_used += (size + 15) / 16 * 16;
    if (pool_used > pool_size) { fprintf(stderr, "the pool of memory is too small\n"); exit(1); }
    return memory;
}

static char *skip(char *s) { return s + strspn(s, " \t\r\n,:"); }

static char *parse(char *s, Value **result) {
    Value *value = *result = take(sizeof *value), **last = &value->first;
    memset(value, 0, sizeof *value);
    s = skip(s);
    if (*s == '{' || *s == '[') {
        char end = *s == '{' ? '}' : ']';
        for (s = skip(s + 1); *s && *s != end; s = skip(s)) {
            Value *key = NULL;
            if (end == '}') s = parse(s, &key);
            s = parse(s, last);
            (*last)->key = key;
            last = &(*last)->next;
        }
        return *s ? s + 1 : s;
    }
    if (*s == '"') { /* the names that we compare have no escapes */
        value->text = ++s;
        while (*s && *s != '"') s += *s == '\\' && s[1] ? 2 : 1;
        if (*s) *s++ = 0;
        return s;
    }
    if (strchr("ntf", *s)) return s + strspn(s, "abcdefghijklmnopqrstuvwxyz");
    char *start = s;
    value->number = strtod(start, &s);
    if (s == start) { fprintf(stderr, "cannot read: %.40s\n", s); exit(1); }
    return s;
}

static Value *get(Value *object, const char *name) {
    for (Value *v = object->first; v; v = v->next)
        if (v->key && v->key->text && !strcmp(v->key->text, name)) return v;
    fprintf(stderr, "the message lacks %s\n", name);
    exit(1);
}

static int length(Value *array) {
    int n = 0;
    for (Value *v = array->first; v; v = v->next) n++;
    return n;
}

/* ---- matrices ---- */

typedef struct { int rows, columns; real *at; } Matrix;
#define AT(M, i, j) (M).at[(size_t)(i) * (M).columns + (j)]

static Matrix matrix(int rows, int columns) {
    Matrix M = {rows, columns, take(sizeof(real) * rows * columns)};
    memset(M.at, 0, sizeof(real) * rows * columns);
    return M;
}

static Matrix read_matrix(Value *value) { /* "nan", "inf" and "-inf" are strings, which strtod knows */
    Matrix M = matrix(length(value), length(value->first));
    real *entry = M.at;
    for (Value *row = value->first; row; row = row->next)
        for (Value *v = row->first; v; v = v->next) *entry++ = v->text ? strtod(v->text, NULL) : v->number;
    return M;
}

static void write_number(real x) {
    if (isfinite(x)) printf("%.*g", sizeof(real) == sizeof(float) ? 9 : 17, x);
    else printf(isnan(x) ? "\"nan\"" : x > 0 ? "\"inf\"" : "\"-inf\"");
}

static void write_matrix(Matrix M) {
    for (int i = 0; i < M.rows; i++)
        for (int j = 0; j < M.columns; j++)
            printf(j ? "," : i ? "],[" : "[["), write_number(AT(M, i, j));
    printf("]]");
}

static void write_matrices(const char *name, Matrix *M, int layers) {
    printf(",\"%s\":", name);
    for (int l = 0; l < layers; l++) printf(l ? "," : "["), write_matrix(M[l]);
    printf("]");
}

/* ---- the network ---- */

static real sigmoid(real z) { return 1 / (1 + (real)exp(-z)); }
static real activation(const char *name, real z) {
    if (!strcmp(name, "sigmoid")) return sigmoid(z);
    if (!strcmp(name, "tanh")) return tanh(z);
    return !strcmp(name, "relu") && z < 0 ? 0 : z; /* or identity */
}

static real slope(const char *name, real z) {
    if (!strcmp(name, "sigmoid")) return sigmoid(z) * sigmoid(-z);
    if (!strcmp(name, "tanh")) { real c = 1 / (real)cosh(z); return c * c; }
    return strcmp(name, "relu") || z > 0;
}

static void run(int id, Value *c) {
    enum { MOST = 64 };
    static Matrix W[MOST], b[MOST], Z[MOST], A[MOST + 1], delta[MOST], dW[MOST], db[MOST];
    const char *sigma[MOST], *reduction = get(c, "reduction")->text;
    int L = length(get(c, "W"));
    if (L > MOST) { printf("{\"id\":%d,\"unsupported\":\"more than %d layers\"}\n", id, MOST); return; }
    Value *w = get(c, "W")->first, *bias = get(c, "b")->first, *name = get(c, "activations")->first;
    for (int l = 0; l < L; l++, w = w->next, bias = bias->next, name = name->next)
        W[l] = read_matrix(w), b[l] = read_matrix(bias), sigma[l] = name->text;
    A[0] = read_matrix(get(c, "X"));
    Matrix Y = read_matrix(get(c, "Y"));
    int m = Y.columns, n = Y.rows;
    real divisor = !strcmp(reduction, "sum") ? 1 : !strcmp(reduction, "batchmean") ? m : m * n;

    for (int l = 0; l < L; l++) { /* Z = W A_previous + b, A = sigma(Z) */
        Z[l] = matrix(W[l].rows, m), A[l + 1] = matrix(W[l].rows, m);
        for (int i = 0; i < W[l].rows; i++)
            for (int j = 0; j < m; j++) {
                real z = AT(b[l], i, 0);
                for (int k = 0; k < W[l].columns; k++) z += AT(W[l], i, k) * AT(A[l], k, j);
                AT(Z[l], i, j) = z, AT(A[l + 1], i, j) = activation(sigma[l], z);
            }
    }
    real loss = 0; /* the sum of (a - y)^2 / 2 over the divisor, and its gradient */
    Matrix dA = matrix(n, m);
    for (int e = 0; e < n * m; e++) {
        real error = A[L].at[e] - Y.at[e];
        loss += error * error / 2, dA.at[e] = error / divisor;
    }
    for (int l = L - 1; l >= 0; l--) { /* delta = dA * sigma'(Z); dW = delta A_previous^T; dA = W^T delta */
        Matrix previous = matrix(W[l].columns, m);
        delta[l] = matrix(W[l].rows, m), db[l] = matrix(W[l].rows, 1);
        dW[l] = matrix(W[l].rows, W[l].columns);
        for (int i = 0; i < W[l].rows; i++)
            for (int j = 0; j < m; j++) {
                real d = AT(delta[l], i, j) = AT(dA, i, j) * slope(sigma[l], AT(Z[l], i, j));
                AT(db[l], i, 0) += d;
                for (int k = 0; k < W[l].columns; k++)
                    AT(dW[l], i, k) += d * AT(A[l], k, j), AT(previous, k, j) += AT(W[l], i, k) * d;
            }
        dA = previous;
    }
    printf("{\"id\":%d,\"loss\":", id), write_number(loss / divisor);
    write_matrices("Z", Z, L), write_matrices("A", A + 1, L), write_matrices("delta", delta, L);
    write_matrices("dW", dW, L), write_matrices("db", db, L);
    printf(",\"dX\":"), write_matrix(dA), printf("}\n");
}

int main(void) {
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        size_t needed = 64 * size + (1 << 24); /* each character makes at most a value; the matrices beside */
        if (needed > pool_size) pool = realloc(pool, pool_size = needed);
        if (!pool) { fprintf(stderr, "no memory\n"); return 1; }
        pool_used = 0;
        Value *message;
        parse(line, &message);
        const char *task = get(message, "do")->text;
        if (!strcmp(task, "stop")) return 0;
        if (!strcmp(task, "run")) run((int)get(message, "id")->number, get(message, "case"));
        else
            printf("{\"name\":\"net.c\",\"backproof\":1,\"declaration\":{\"dtypes\":[\"%s\"],"
                   "\"losses\":[\"half_squared_error\"],"
                   "\"activations\":[\"identity\",\"sigmoid\",\"tanh\",\"relu\"]}}\n", DTYPE);
        fflush(stdout); /* or the answer stays in the buffer, and both sides wait */
    }
    return 0;
}
