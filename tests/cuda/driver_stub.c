/* A driver without a device, for libraries that want libcuda.so.1 to be there before they plan anything: every call fails as on
   a machine without a GPU. The names are those that cuDNN links against instead of asking for them when it needs them. */
enum { NO_DEVICE = 100 };

#define STUB(name) \
  int name(void);  \
  int name(void) { return NO_DEVICE; }

STUB(cuGetErrorString)
STUB(cuModuleGetFunction)
STUB(cuModuleLoadData)
STUB(cuModuleUnload)
STUB(cuTensorMapEncodeIm2col)
STUB(cuTensorMapEncodeTiled)
