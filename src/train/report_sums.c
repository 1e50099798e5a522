/* Sums of reports. A sum of one number and zeros is exact in any order, which is why shards need not be sent, only added. */
#include "train/report_sums.h"

#include <string.h>

#include "core/memory.h"

enum { NUMBERS_PER_SHARD = 2 };

flr_status flr_report_sums_init(flr_report_sums *sums, int deterministic, int64_t shards, int64_t first_shard,
                                int64_t shard_count) {
  *sums = (flr_report_sums){.shards = deterministic ? shards : 0, .first_shard = first_shard, .shard_count = shard_count};
  sums->count = FLR_REPORT_NUMBERS + NUMBERS_PER_SHARD * sums->shards;
  return flr_alloc(&sums->numbers, sums->count, sizeof *sums->numbers);
}

void flr_report_sums_clear(flr_report_sums *sums) {
  flr_free(sums->numbers);
  *sums = (flr_report_sums){0};
}

flr_status flr_report_sums_begin(flr_report_sums *sums, flr_comm *comm, const flr_report *report,
                                 const flr_loss_result *results) {
  flr_report total = *report;
  double *of_shards = sums->numbers + FLR_REPORT_NUMBERS;
  memset(sums->numbers, 0, (size_t)sums->count * sizeof *sums->numbers);
  for (int64_t shard = 0; shard < sums->shard_count; shard++) {
    const flr_loss_result *result = &results[shard];
    total.samples += (double)result->count;
    total.correct += (double)result->correct;
    total.nonfinite += (double)result->nonfinite;
    if (sums->shards > 0) {
      of_shards[NUMBERS_PER_SHARD * (sums->first_shard + shard)] = result->loss_sum;
      of_shards[NUMBERS_PER_SHARD * (sums->first_shard + shard) + 1] = result->loss_sq_sum;
    } else {
      total.loss_sum += result->loss_sum;
      total.loss_sq_sum += result->loss_sq_sum;
    }
  }
  memcpy(sums->numbers, &total, sizeof total);
  return flr_comm_all_reduce_begin(comm, FLR_LANE_CONTROL, sums->numbers, sums->count, FLR_COMM_F64, &sums->request);
}

flr_status flr_report_sums_wait(flr_report_sums *sums, flr_comm *comm, flr_report *report) {
  const double *of_shards = sums->numbers + FLR_REPORT_NUMBERS;
  FLR_TRY(flr_comm_wait(comm, &sums->request));
  memcpy(report, sums->numbers, sizeof *report);
  for (int64_t shard = 0; shard < sums->shards; shard++) {
    report->loss_sum += of_shards[NUMBERS_PER_SHARD * shard];
    report->loss_sq_sum += of_shards[NUMBERS_PER_SHARD * shard + 1];
  }
  return FLR_OK;
}
