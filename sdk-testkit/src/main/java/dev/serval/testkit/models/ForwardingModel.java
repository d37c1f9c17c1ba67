package dev.serval.testkit.models;

import dev.serval.api.Sampling;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.TokenSampler;

/**
 * A model that does what another one does, for tests that watch its steps or interfere with them.
 */
public class ForwardingModel implements ModelExecutor {
  private final ModelExecutor model;

  /**
   * In front of a model.
   *
   * @param model the model that computes
   */
  public ForwardingModel(ModelExecutor model) {
    this.model = model;
  }

  @Override
  public ModelSpec spec() {
    return model.spec();
  }

  @Override
  public NumericsId numerics() {
    return model.numerics();
  }

  @Override
  public boolean verifiesDrafts() {
    return model.verifiesDrafts();
  }

  @Override
  public Logits execute(StepBatch batch) {
    return model.execute(batch);
  }

  @Override
  public TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives) {
    return model.sampler(sampling, seed, prompt, alternatives);
  }
}
