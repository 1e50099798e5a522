/* Medians and what they are worth. */
#ifndef FLR_TESTS_BENCH_STATS_H
#define FLR_TESTS_BENCH_STATS_H

enum { BENCH_MOST_PAIRS = 200 };

/* Of n values, 1 .. BENCH_MOST_PAIRS. */
double bench_median(const double *values, int n);

/* 95 % interval of the ratio of medians of top and bottom, both [n], over resampled pairs. */
void bench_interval(const double *top, const double *bottom, int n, double interval[2]);

#endif
