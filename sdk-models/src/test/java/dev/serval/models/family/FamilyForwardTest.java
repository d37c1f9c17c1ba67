package dev.serval.models.family;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.Checkpoint;
import dev.serval.testkit.FamilyForwardContract;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;

/** All families on the processor, by kernels that round nothing. */
final class FamilyForwardTest extends FamilyForwardContract {
  @Override
  protected SteppedModel load(Checkpoint checkpoint) {
    return new ModelRun(checkpoint, 2);
  }

  @Override
  protected List<DType> exactTypes() {
    return List.of(DType.F32, DType.F16, DType.BF16);
  }
}
