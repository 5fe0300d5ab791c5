/* Products of OpenBLAS, one a line of standard input:
 *
 *     LAYOUT THREADS M N K SECONDS
 *
 * LAYOUT is NT (A M*K, B N*K), NN (B K*N) or TN (A K*M, B K*N), row after row. Each is computed once to begin with, and then at least twice
 * and for so many seconds; the answer is a line with the seconds of the fastest turn. The first line of all names the version and the
 * kernels. Between turns of two programs the threads must have gone to sleep, which is the asker's to wait for.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void openblas_set_num_threads(int);
char *openblas_get_config(void);

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

static float *matrix(size_t n) {
	float *x = malloc(n * sizeof *x);
	if (!x) exit(1);
	for (size_t i = 0; i < n; i++) x[i] = (float)rand() / RAND_MAX - 0.5f;
	return x;
}

int main(void) {
	char layout[3];
	int threads, m, n, k;
	double least;
	printf("%s\n", openblas_get_config());
	fflush(stdout);
	while (scanf("%2s %d %d %d %d %lf", layout, &threads, &m, &n, &k, &least) == 6) {
		int at = layout[0] == 'T', bt = layout[1] == 'T';
		float *a = matrix((size_t)m * k), *b = matrix((size_t)n * k), *c = matrix((size_t)m * n);
		double best = 1e30, sum = 0;
		openblas_set_num_threads(threads);
		for (int turn = 0; turn < 3 || sum < least; turn++) {
			double start = now();
			cblas_sgemm(CblasRowMajor, at ? CblasTrans : CblasNoTrans, bt ? CblasTrans : CblasNoTrans, m, n, k, 1, a, at ? m : k, b, bt ? k : n, 0, c, n);
			double took = now() - start;
			if (turn == 0) continue;
			sum += took;
			if (took < best) best = took;
		}
		printf("%.9g\n", best);
		fflush(stdout);
		free(a);
		free(b);
		free(c);
	}
	return 0;
}
