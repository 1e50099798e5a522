/* JSON documents with full-precision numbers. */
#ifndef FLR_CLI_JSON_H
#define FLR_CLI_JSON_H

#include <cJSON.h>
#include <stdint.h>

/* Adds a number with 17 significant digits, null when it is not finite. */
void flr_json_add_number(cJSON *object, const char *name, double value);
/* Adds an array of n such numbers. */
void flr_json_add_numbers(cJSON *object, const char *name, const double *values, int64_t n);
/* Adds {name: {"lr": .., "status": ".."}}; to that of "consensus" its "spread". */
void flr_json_add_suggestion(cJSON *object, const char *name, double lr, const char *status, double spread);
/* Prints the document and a newline on standard output, then deletes it. */
void flr_json_print(cJSON *document);

#endif
