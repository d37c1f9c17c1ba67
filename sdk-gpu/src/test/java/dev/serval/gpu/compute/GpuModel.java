package dev.serval.gpu.compute;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.device.Device;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.storage.Checkpoint;
import dev.serval.testkit.models.InstalledFamilies;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;

/** A model on a GPU, or on the stand-in for one. */
@SuppressWarnings("exports") // what tests share is on the class path
public final class GpuModel extends SteppedModel {
  /**
   * Loads a model.
   *
   * @param checkpoint the model
   * @param provider opens the backend
   * @param device where
   * @param setup how it is run
   */
  public GpuModel(
      Checkpoint checkpoint, ComputeBackendProvider provider, Device device, Setup setup) {
    this(checkpoint, provider, device, ComputeOptions.of(2), setup);
  }

  /** Loads a model somewhere else, to compare with. */
  GpuModel(
      Checkpoint checkpoint,
      ComputeBackendProvider provider,
      Device device,
      ComputeOptions options,
      Setup setup) {
    super(checkpoint, InstalledFamilies.of(checkpoint), provider, device, options, setup);
  }

  /**
   * By which ways the weights came.
   *
   * @return what each cost
   */
  public List<TransferReport> weightReports() {
    return ((CudaBackend) backend()).weightReports();
  }

  /** When the last step had been handed to the device, by {@link System#nanoTime}. */
  public long handedOver() {
    return ((CudaBackend) backend()).handedOver();
  }
}
