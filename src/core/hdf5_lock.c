/* A recursive mutex of the process. */
#include "core/hdf5_lock.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void flr_hdf5_lock(void) { (void)pthread_mutex_lock(&mutex); }

void flr_hdf5_unlock(void) { (void)pthread_mutex_unlock(&mutex); }
