/* JSON documents with full-precision numbers. */
#ifndef FLR_CLI_JSON_H
#define FLR_CLI_JSON_H

#include <cJSON.h>
#include <stdint.h>

#include "fastlr.h"

/* Adds a number with 17 significant digits, null when it is not finite. */
void flr_json_add_number(cJSON *object, const char *name, double value);
void flr_json_append_number(cJSON *array, double value);
/* Adds an array of n such numbers. */
void flr_json_add_numbers(cJSON *object, const char *name, const double *values, int64_t n);
/* Adds {name: {"lr": .., "status": ".."}}; to that of "consensus", and to all where there are `repeats` of the sweep, "spread";
   then also what the repeats gave: "low", "high" and how many, "repeats". */
void flr_json_add_suggestion(cJSON *object, const flr_sweep_suggestion *suggestion, int repeats);
/* Prints the document and a newline on standard output, then deletes it. */
void flr_json_print(cJSON *document);

#endif
