package dev.serval.runtime;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.gpu.compute.CudaBackendProvider;
import dev.serval.gpu.device.CudaDeviceProvider;
import dev.serval.gpu.standin.StandIn;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ServiceLoader;

/**
 * Runtimes on this machine's processor, and on GPUs that the stand-in plays in place of any that
 * the machine may have.
 *
 * @param cuda the driver's library
 * @param nvml the management library
 */
record StandInMachine(Path cuda, Path nvml) {
  private static final String REAL_GPUS = "cuda";

  static StandInMachine of(StandIn machine) {
    return new StandInMachine(machine.library(), machine.managementLibrary());
  }

  ServingRuntimeBuilder runtime(Path model) {
    ServingRuntimeBuilder builder =
        Serval.builder()
            .services(false)
            .warmUp(Duration.ZERO)
            .maxRunning(4)
            .maxStepTokens(64)
            .model(model)
            .deviceProvider(new CudaDeviceProvider(cuda, nvml, Path.of("/nowhere")))
            .backend(new CudaBackendProvider(cuda));
    ServiceLoader.load(CheckpointReader.class).forEach(builder::reader);
    ServiceLoader.load(ModelFamily.class).forEach(builder::family);
    ServiceLoader.load(TextCodecReader.class).forEach(builder::textCodec);
    ServiceLoader.load(DeviceProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> !provider.name().equals(REAL_GPUS))
        .forEach(builder::deviceProvider);
    ServiceLoader.load(ComputeBackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> !provider.name().equals(REAL_GPUS))
        .forEach(builder::backend);
    return builder;
  }
}
