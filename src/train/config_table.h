/* The option table over flr_config: every option of the program as data. For this room and the command line. */
#ifndef FLR_TRAIN_CONFIG_TABLE_H
#define FLR_TRAIN_CONFIG_TABLE_H

#include "core/options.h"

extern const flr_option_table flr_config_table;

#endif
