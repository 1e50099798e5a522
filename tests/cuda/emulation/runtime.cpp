/* The emulated runtime: see cuda_runtime_api.h here. One host thread drives it. */
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "emulation.h"

namespace {

struct Capture;

/* A point is passed when the ticket it waits for has been done in its stream. */
struct Point {
  CUstream_st *stream = nullptr;
  long ticket = 0;
  double time = 0;
};

struct Item {
  std::function<void()> work; /* or */
  std::shared_ptr<Point> follow;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

struct CUstream_st {
  std::deque<Item> items;
  long put = 0, done = 0; /* tickets */
  Capture *capture = nullptr;
  long captured = 0; /* pieces noted in the capture under way */
};

struct CUevent_st {
  std::shared_ptr<Point> point;
  Capture *capture = nullptr;
  CUstream_st *captured_in = nullptr;
  long captured_at = 0;
};

struct CUgraph_st {
  std::vector<std::function<void()>> work;
};

struct CUgraphExec_st {
  std::vector<std::function<void()>> work;
};

namespace {

struct Capture {
  CUstream_st *origin = nullptr;
  std::vector<std::function<void()>> work;
  std::map<CUstream_st *, long> covered; /* pieces of a joined stream that the origin waits for */
  bool invalid = false;
};

constexpr size_t kArenaBytes = size_t{8} << 30, kAlignment = 256, kGuard = 4096;

/* FASTLR_EMULATED_DEVICES, by default one; of these as many as CUDA_VISIBLE_DEVICES names, of slices of MIG only the first. */
int devices_wanted() {
  const char *text = std::getenv("FASTLR_EMULATED_DEVICES"), *visible = std::getenv("CUDA_VISIBLE_DEVICES");
  const int there = text ? std::atoi(text) : 1;
  if (!visible) return there;
  int named = *visible && *visible != '-' ? 1 : 0;
  if (std::strncmp(visible, "MIG-", 4) != 0)
    for (const char *c = visible; *c; c++) named += *c == ',';
  return named < there ? named : there;
}

struct Block {
  size_t size, asked; /* bytes taken; bytes that may be written */
};

struct Runtime {
  std::vector<CUstream_st *> streams;
  Capture *capture = nullptr;
  cudaError_t last = cudaSuccess;
  int devices = devices_wanted(), device = 0;
  long host_waits = 0, allocations = 0, launches = 0;
  char *arena = nullptr;
  size_t used = 0, opened = 0; /* bytes given out; depth of work being run */
  std::multimap<size_t, char *> free_blocks;
  std::map<char *, Block> blocks;
};

Runtime &rt() {
  static Runtime runtime;
  return runtime;
}

cudaError_t fail(cudaError_t error) {
  if (error != cudaSuccess) rt().last = error;
  return error;
}

/* Device memory is open only while work runs. */
void protect(int protection) {
  Runtime &r = rt();
  if (r.arena && r.used > 0) mprotect(r.arena, r.used, protection);
}

struct Opened {
  Opened() {
    if (rt().opened++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  ~Opened() {
    if (--rt().opened == 0) protect(PROT_NONE);
  }
};

void check_guard(const char *block, const Block &b) {
  Opened opened;
  for (size_t i = b.asked; i < b.size; i++)
    if (block[i] != static_cast<char>(0xff)) {
      std::fprintf(stderr, "emulation: something was written %zu bytes behind a block of %zu bytes\n", i - b.asked, b.asked);
      std::abort();
    }
}

bool passed(const Point &point) { return point.stream == nullptr || point.stream->done >= point.ticket; }

void run_until(CUstream_st *stream, long ticket) {
  while (stream->done < ticket) {
    Item item = std::move(stream->items.front());
    stream->items.pop_front();
    if (item.follow && !passed(*item.follow)) run_until(item.follow->stream, item.follow->ticket);
    if (item.work) item.work();
    stream->done++;
  }
}

void drain(CUstream_st *stream, long ticket) {
  if (stream->done >= ticket) return;
  Opened opened;
  rt().host_waits++;
  run_until(stream, ticket);
}

void put(CUstream_st *stream, Item item) {
  stream->items.push_back(std::move(item));
  stream->put++;
}

cudaError_t enqueue(CUstream_st *stream, std::function<void()> work) {
  if (!stream) return fail(cudaErrorInvalidValue); /* the default stream is nobody's here */
  if (stream->capture) {
    stream->capture->work.push_back(std::move(work));
    stream->captured++;
    return cudaSuccess;
  }
  rt().launches++;
  put(stream, {std::move(work), nullptr});
  return cudaSuccess;
}

/* What may not happen between begin and end of a capture. */
cudaError_t forbidden_in_capture() {
  if (!rt().capture) return cudaSuccess;
  rt().capture->invalid = true;
  return fail(cudaErrorStreamCaptureUnsupported);
}

bool is_device(const void *memory) {
  const Runtime &r = rt();
  const char *at = static_cast<const char *>(memory);
  return r.arena && at >= r.arena && at < r.arena + kArenaBytes;
}

cudaError_t check_kind(const void *dst, const void *src, cudaMemcpyKind kind) {
  const bool to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return is_device(dst) == to && is_device(src) == from ? cudaSuccess : fail(cudaErrorInvalidValue);
}

}  // namespace

void emulation_enqueue(cudaStream_t stream, std::function<void()> work) {
  if (enqueue(stream, std::move(work)) != cudaSuccess) {
    std::fprintf(stderr, "emulation: work without a stream\n");
    std::abort();
  }
}

extern "C" {

void emulation_set_error(cudaError_t error) { (void)fail(error); }
void emulation_set_device_count(int count) { rt().devices = count; }

static long take(long *counter) {
  const long value = *counter;
  *counter = 0;
  return value;
}

long emulation_take_host_waits(void) { return take(&rt().host_waits); }
long emulation_take_allocations(void) { return take(&rt().allocations); }
long emulation_take_launches(void) { return take(&rt().launches); }

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated: return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureUnjoined: return "cudaErrorStreamCaptureUnjoined";
    case cudaErrorUnknown: return "cudaErrorUnknown";
  }
  return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaPeekAtLastError(void) { return rt().last; }

cudaError_t cudaGetLastError(void) {
  const cudaError_t last = rt().last;
  rt().last = cudaSuccess;
  return last;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
  if (rt().devices == 0) return fail(cudaErrorNoDevice);
  *count = rt().devices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= rt().devices) return fail(cudaErrorInvalidDevice);
  rt().device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
  *device = rt().device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
  if (device < 0 || device >= rt().devices) return fail(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated");
  properties->totalGlobalMem = kArenaBytes;
  properties->major = 9;
  properties->multiProcessorCount = 4;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device) {
  if (device < 0 || device >= rt().devices) return fail(cudaErrorInvalidDevice);
  *value = attribute == cudaDevAttrMultiProcessorCount ? 4 : attribute == cudaDevAttrComputeCapabilityMajor ? 9 : 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int size, int device) {
  std::snprintf(text, static_cast<size_t>(size), "0000:%02x:00.0", device);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *left, size_t *total) {
  *left = kArenaBytes - rt().used;
  *total = kArenaBytes;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **out, size_t bytes) {
  Runtime &r = rt();
  if (const cudaError_t error = forbidden_in_capture()) return error;
  if (!r.arena) {
    void *arena = mmap(nullptr, kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED) return fail(cudaErrorMemoryAllocation);
    r.arena = static_cast<char *>(arena);
  }
  r.allocations++;
  const size_t rounded = (bytes + kGuard + kAlignment - 1) / kAlignment * kAlignment;
  const auto reuse = r.free_blocks.lower_bound(rounded);
  char *block;
  size_t size = rounded;
  if (reuse != r.free_blocks.end()) {
    size = reuse->first;
    block = reuse->second;
    r.free_blocks.erase(reuse);
  } else {
    if (rounded > kArenaBytes - r.used) return fail(cudaErrorMemoryAllocation);
    block = r.arena + r.used;
    r.used += rounded;
  }
  r.blocks[block] = {size, bytes};
  Opened opened;
  mprotect(r.arena, r.used, PROT_READ | PROT_WRITE);
  std::memset(block, 0xff, size); /* NaN: device memory holds anything at first */
  *out = block;
  return cudaSuccess;
}

cudaError_t cudaFree(void *memory) {
  Runtime &r = rt();
  if (!memory) return cudaSuccess;
  if (const cudaError_t error = cudaDeviceSynchronize()) return error;
  const auto block = r.blocks.find(static_cast<char *>(memory));
  if (block == r.blocks.end()) return fail(cudaErrorInvalidValue);
  check_guard(block->first, block->second);
  r.free_blocks.insert({block->second.size, block->first});
  r.blocks.erase(block);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void **out, size_t bytes) {
  if (const cudaError_t error = forbidden_in_capture()) return error;
  rt().allocations++;
  *out = std::aligned_alloc(kAlignment, (bytes + kAlignment) / kAlignment * kAlignment);
  return *out ? cudaSuccess : fail(cudaErrorMemoryAllocation);
}

cudaError_t cudaFreeHost(void *memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (const cudaError_t error = check_kind(dst, src, kind)) return error;
  return enqueue(stream, [=] { std::memcpy(dst, src, bytes); });
}

cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t stream) {
  if (!is_device(dst)) return fail(cudaErrorInvalidValue);
  return enqueue(stream, [=] { std::memset(dst, value, bytes); });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int priority) {
  (void)priority;
  if (flags != cudaStreamNonBlocking) return fail(cudaErrorInvalidValue);
  *out = new CUstream_st;
  rt().streams.push_back(*out);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (const cudaError_t error = cudaStreamSynchronize(stream)) return error;
  auto &all = rt().streams;
  for (size_t i = 0; i < all.size(); i++)
    if (all[i] == stream) all.erase(all.begin() + static_cast<long>(i));
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = forbidden_in_capture()) return error;
  drain(stream, stream->put);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void) {
  if (const cudaError_t error = forbidden_in_capture()) return error;
  for (CUstream_st *stream : rt().streams) drain(stream, stream->put);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  if (flags != 0) return fail(cudaErrorInvalidValue);
  if (event->capture) { /* the stream joins the capture, or the origin gets the other stream back */
    if (event->capture != rt().capture) return fail(cudaErrorStreamCaptureInvalidated);
    if (!stream->capture) {
      stream->capture = event->capture;
      stream->captured = 0;
    }
    if (event->captured_in != stream) {
      long &covered = event->capture->covered[event->captured_in];
      if (stream == event->capture->origin && event->captured_at > covered) covered = event->captured_at;
    }
    return cudaSuccess;
  }
  if (stream->capture) { /* a point outside the capture has to be passed before it, not inside */
    if (event->point && !passed(*event->point)) {
      rt().capture->invalid = true;
      return fail(cudaErrorStreamCaptureUnsupported);
    }
    return cudaSuccess;
  }
  if (event->point) put(stream, {nullptr, event->point});
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
  (void)flags;
  *out = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->capture = stream->capture;
  if (stream->capture) {
    event->captured_in = stream;
    event->captured_at = stream->captured;
    return cudaSuccess;
  }
  auto point = std::make_shared<Point>();
  put(stream, {[point] { point->time = now(); }, nullptr});
  point->stream = stream;
  point->ticket = stream->put;
  event->point = point;
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (event->capture || rt().capture) return forbidden_in_capture();
  if (!event->point || passed(*event->point)) return cudaSuccess;
  static long asked = 0; /* passes in the end, like a real one */
  if (++asked % 3 == 0) {
    Opened opened;
    run_until(event->point->stream, event->point->ticket);
    return cudaSuccess;
  }
  return cudaErrorNotReady;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->capture || rt().capture) return forbidden_in_capture();
  if (event->point) drain(event->point->stream, event->point->ticket);
  return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) {
  if (!from->point || !to->point || !passed(*from->point) || !passed(*to->point)) return fail(cudaErrorNotReady);
  *milliseconds = static_cast<float>(1e3 * (to->point->time - from->point->time));
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  (void)mode;
  if (rt().capture) return fail(cudaErrorInvalidValue);
  rt().capture = new Capture;
  rt().capture->origin = stream;
  stream->capture = rt().capture;
  stream->captured = 0;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out) {
  std::unique_ptr<Capture> capture(rt().capture);
  *out = nullptr;
  if (!capture || capture->origin != stream) return fail(cudaErrorInvalidValue);
  rt().capture = nullptr;
  bool joined = true;
  for (CUstream_st *s : rt().streams) {
    if (s->capture != capture.get()) continue;
    if (s != stream && capture->covered[s] < s->captured) joined = false;
    s->capture = nullptr;
  }
  if (capture->invalid) return fail(cudaErrorStreamCaptureInvalidated);
  if (!joined) return fail(cudaErrorStreamCaptureUnjoined);
  *out = new CUgraph_st{std::move(capture->work)};
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long flags) {
  (void)flags;
  *out = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return enqueue(stream, [graph] {
    for (const auto &work : graph->work) work();
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  const cudaError_t error = cudaDeviceSynchronize();
  delete graph;
  return error;
}

}  // extern "C"
