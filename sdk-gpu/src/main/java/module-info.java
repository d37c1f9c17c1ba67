import org.jspecify.annotations.NullMarked;

/** NVIDIA GPUs, with nothing installed but their driver. */
@NullMarked
module dev.serval.gpu {
  requires transitive dev.serval.api;
  requires static org.jspecify;

  // What a runtime finds as services, and who assembles one by hand may name.
  exports dev.serval.gpu.compute;

  // The devices, and how they fare.
  exports dev.serval.gpu.device;

  provides dev.serval.api.compute.ComputeBackendProvider with
      dev.serval.gpu.compute.CudaBackendProvider;
  provides dev.serval.api.device.DeviceProvider with
      dev.serval.gpu.device.CudaDeviceProvider;
}
