import org.jspecify.annotations.NullMarked;

/** What a machine offers, and which of it a model is given. */
@NullMarked
module dev.serval.scheduling {
  requires transitive dev.serval.api;
  requires static org.jspecify;
  requires jdk.management;

  exports dev.serval.scheduling;

  provides dev.serval.api.device.DeviceProvider with
      dev.serval.scheduling.CpuDeviceProvider;
}
