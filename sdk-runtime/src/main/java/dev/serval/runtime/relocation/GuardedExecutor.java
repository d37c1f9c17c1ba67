package dev.serval.runtime.relocation;

import dev.serval.api.Sampling;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.TokenSampler;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An executor on a device that may be lost: the first step to find that out tells, and from then on
 * every step fails without the device being asked again.
 */
public final class GuardedExecutor implements ModelExecutor {
  private final ModelExecutor executor;
  private final Consumer<DeviceGoneException> whenGone;
  private volatile @Nullable DeviceGoneException gone;

  /**
   * Guards an executor.
   *
   * @param executor computes
   * @param whenGone told on the engine's thread, before the step fails
   */
  public GuardedExecutor(ModelExecutor executor, Consumer<DeviceGoneException> whenGone) {
    this.executor = executor;
    this.whenGone = whenGone;
  }

  /**
   * Lets every step fail from now on.
   *
   * @param reason with this, or with what was said last
   */
  public void condemn(DeviceGoneException reason) {
    gone = reason;
  }

  @Override
  public boolean verifiesDrafts() {
    return executor.verifiesDrafts();
  }

  @Override
  public Logits execute(StepBatch batch) {
    DeviceGoneException known = gone;
    if (known != null) {
      throw known;
    }
    try {
      return executor.execute(batch);
    } catch (DeviceGoneException e) {
      whenGone.accept(e);
      throw e;
    }
  }

  @Override
  public ModelSpec spec() {
    return executor.spec();
  }

  @Override
  public NumericsId numerics() {
    return executor.numerics();
  }

  @Override
  public TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives) {
    return executor.sampler(sampling, seed, prompt, alternatives);
  }
}
