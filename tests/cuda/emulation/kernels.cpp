/* Running kernels: see cuda_runtime.h here. Blocks run one after another, a block's threads as fibers; one fiber runs thread
   after thread as long as none of them waits. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "cuda_runtime.h"
#include "fiber.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace {

constexpr unsigned kWarp = 32, kFullMask = 0xffffffffU;
constexpr size_t kGuard = 64;

struct Place {
  const char *file = nullptr;
  int line = 0;
  bool operator==(const Place &other) const { return line == other.line && !std::strcmp(file, other.file); }
};

/* A fiber and the thread it runs. */
struct Worker {
  Fiber *fiber = nullptr;
  unsigned thread = 0;

  Worker() = default;
  Worker(const Worker &) = delete;
  Worker &operator=(const Worker &) = delete;
  ~Worker() { fiber_destroy(fiber); }
};

struct Shuffle {
  unsigned arrived = 0, taken = 0;
  Place place;
  uint64_t values[kWarp] = {};
};

struct Warp {
  Shuffle turns[2];
  std::vector<Worker *> waiting;
};

struct SharedArray {
  Place place;
  size_t bytes;
  std::vector<char> memory; /* with a guard on both sides */
};

struct Block {
  unsigned threads = 0, started = 0, finished = 0;
  const std::function<void()> *body = nullptr;
  Place barrier;
  std::vector<Worker *> at_barrier;
  std::vector<Warp> warps;
  std::vector<unsigned> shuffles; /* of a thread so far */
  std::vector<SharedArray> shared;
};

struct Machine {
  const char *kernel = "";
  Fiber *main = nullptr;
  std::deque<Worker *> ready, idle;
  std::vector<std::unique_ptr<Worker>> workers;
  Worker *current = nullptr;
  Block *block = nullptr;
  bool reversed = false;

  Machine() = default;
  Machine(const Machine &) = delete;
  Machine &operator=(const Machine &) = delete;
  ~Machine() { fiber_destroy(main); }
};

Machine &machine() {
  static Machine m;
  return m;
}

[[noreturn]] void fault(const char *what, Place place) {
  std::fprintf(stderr, "emulation: %s: block (%u, %u), thread %u: %s (%s:%d)\n", machine().kernel, blockIdx.x, blockIdx.y,
               threadIdx.x, what, place.file ? place.file : "", place.line);
  std::abort();
}

void set_thread(unsigned thread) {
  threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / blockDim.x / blockDim.y};
}

/* Back to the scheduler, until somebody made this worker ready. */
void wait() {
  Machine &m = machine();
  Worker *me = m.current;
  fiber_switch(me->fiber, m.main);
  m.current = me;
  set_thread(me->thread);
}

void wake(std::vector<Worker *> &waiting) {
  Machine &m = machine();
  if (m.reversed) std::reverse(waiting.begin(), waiting.end());
  for (Worker *worker : waiting)
    if (worker != m.current) m.ready.push_back(worker);
  waiting.clear();
}

/* What a fiber does for ever. */
void work() {
  Machine &m = machine();
  for (;;) {
    Block &b = *m.block;
    Worker *me = m.current;
    while (b.started < b.threads) {
      const unsigned turn = b.started++;
      me->thread = m.reversed ? b.threads - 1 - turn : turn;
      set_thread(me->thread);
      (*b.body)();
      b.finished++;
      if (!b.at_barrier.empty()) fault("this thread ended, others wait at a barrier that it did not reach", b.barrier);
    }
    m.idle.push_back(me);
    fiber_switch(me->fiber, m.main);
    m.current = me;
  }
}

Worker *next_worker() {
  Machine &m = machine();
  Worker *next = nullptr;
  if (!m.ready.empty()) {
    next = m.ready.front();
    m.ready.pop_front();
    return next;
  }
  if (m.block->started == m.block->threads) return nullptr;
  if (m.idle.empty()) {
    m.workers.push_back(std::make_unique<Worker>());
    m.workers.back()->fiber = fiber_create(work);
    return m.workers.back().get();
  }
  next = m.idle.back();
  m.idle.pop_back();
  return next;
}

void check_shared(const Block &block) {
  for (const SharedArray &array : block.shared)
    for (size_t i = 0; i < kGuard; i++)
      if (array.memory[i] != 0x5a || array.memory[kGuard + array.bytes + i] != 0x5a)
        fault("something was written beside this shared array", array.place);
}

void run_block(const std::function<void()> &body) {
  Machine &m = machine();
  Block block;
  block.threads = blockDim.x * blockDim.y * blockDim.z;
  block.body = &body;
  block.warps.resize((block.threads + kWarp - 1) / kWarp);
  block.shuffles.resize(block.threads);
  m.block = &block;
  while (Worker *next = next_worker()) {
    m.current = next;
    fiber_switch(m.main, next->fiber);
  }
  if (block.finished != block.threads) fault("some threads never reached what the others wait for", block.barrier);
  check_shared(block);
}

}  // namespace

extern "C" void emulation_reverse_threads(int reversed) { machine().reversed = reversed != 0; }

namespace emulation {

bool allowed(dim3 grid, dim3 block) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (grid.x >= 1 && grid.y >= 1 && grid.z >= 1 && grid.x <= 0x7fffffffU && grid.y <= 65535 && grid.z <= 65535 && threads >= 1 &&
      threads <= 1024)
    return true;
  emulation_set_error(cudaErrorInvalidValue);
  return false;
}

void run_grid(const char *name, dim3 grid, dim3 block, const std::function<void()> &body) {
  Machine &m = machine();
  if (!m.main) m.main = fiber_of_caller();
  m.kernel = name;
  gridDim = grid;
  blockDim = block;
  const unsigned blocks = grid.x * grid.y * grid.z;
  for (unsigned i = 0; i < blocks; i++) {
    const unsigned at = m.reversed ? blocks - 1 - i : i;
    blockIdx = {at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y};
    run_block(body);
  }
}

void barrier(const char *file, int line) {
  Machine &m = machine();
  Block &b = *m.block;
  const Place place = {file, line};
  if (b.finished > 0) fault("a barrier that threads which ended did not reach", place);
  if (!b.at_barrier.empty() && !(b.barrier == place)) fault("threads wait at two different barriers", place);
  b.barrier = place;
  b.at_barrier.push_back(m.current);
  if (b.at_barrier.size() == b.threads)
    wake(b.at_barrier);
  else
    wait();
}

void *shared_array(const char *file, int line, size_t bytes) {
  Block &b = *machine().block;
  const Place place = {file, line};
  for (SharedArray &array : b.shared)
    if (array.place == place && array.bytes == bytes) return array.memory.data() + kGuard;
  b.shared.push_back({place, bytes, std::vector<char>(bytes + 2 * kGuard, 0x5a)});
  char *data = b.shared.back().memory.data() + kGuard;
  std::memset(data, 0xff, bytes);
  return data;
}

unsigned lane() { return threadIdx.x % kWarp; }

void exchange(const char *file, int line, unsigned mask, const void *value, void *out, size_t bytes, unsigned from) {
  Machine &m = machine();
  Block &b = *m.block;
  Worker *me = m.current;
  const Place place = {file, line};
  const unsigned thread = me->thread, members = std::min(kWarp, b.threads - thread / kWarp * kWarp);
  if (mask != kFullMask || members != kWarp) fault("a shuffle among less than a whole warp", place);
  Warp &warp = b.warps[thread / kWarp];
  Shuffle &turn = warp.turns[b.shuffles[thread]++ % 2];
  if (turn.arrived > 0 && !(turn.place == place)) fault("lanes of a warp wait at two different shuffles", place);
  turn.place = place;
  std::memcpy(&turn.values[thread % kWarp], value, bytes);
  warp.waiting.push_back(me);
  if (++turn.arrived == kWarp)
    wake(warp.waiting);
  else
    wait();
  std::memcpy(out, &turn.values[from % kWarp], bytes);
  if (++turn.taken == kWarp) turn.arrived = turn.taken = 0;
}

}  // namespace emulation
