/* The backends of this build, in the order "auto" tries them: one line each. */
FLR_BACKEND(cuda)
FLR_BACKEND(cpu)
FLR_BACKEND(ref)
