package dev.serval.gpu.compute;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.testkit.FamilyForwardContract;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;

/** All families on a GPU, in the types of weights that tensor cores do not multiply. */
final class GpuFamiliesTest extends FamilyForwardContract {
  @RegisterExtension static final TestedGpu GPU = new TestedGpu("memory=1g", "capability=8.0");

  @Override
  protected SteppedModel load(Checkpoint checkpoint) {
    return new GpuModel(
        checkpoint, GPU.provider(), GPU.device(), SteppedModel.Setup.SMALL.keeping(DType.F32));
  }

  @Override
  protected List<DType> exactTypes() {
    return List.of(DType.F32, DType.F16);
  }
}
