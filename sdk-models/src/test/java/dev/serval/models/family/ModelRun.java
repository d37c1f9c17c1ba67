package dev.serval.models.family;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.storage.Checkpoint;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.testkit.models.InstalledFamilies;
import dev.serval.testkit.models.SteppedModel;
import java.util.TreeMap;

/** A model on the CPU backend. */
final class ModelRun extends SteppedModel {
  static final Device CPU =
      new Device("cpu:0", DeviceKind.CPU, "test", Bytes.gibi(2), new TreeMap<>());

  /** With kernels that do not round their inputs. */
  ModelRun(Checkpoint checkpoint, int threads) {
    this(checkpoint, threads, DType.F32, KernelPreference.without(KernelKind.GENERATED));
  }

  ModelRun(Checkpoint checkpoint, int threads, KernelKind kernels) {
    this(checkpoint, threads, DType.F32, KernelPreference.require(kernels));
  }

  ModelRun(Checkpoint checkpoint, int threads, DType kvType, KernelPreference kernels) {
    super(
        checkpoint,
        InstalledFamilies.of(checkpoint),
        new CpuBackendProvider(),
        CPU,
        ComputeOptions.of(threads).withKernels(kernels),
        Setup.SMALL.keeping(kvType));
  }
}
