package dev.serval.api.model;

import dev.serval.api.Sampling;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.StepBatch;

/**
 * A loaded model: computes steps. One thread at a time, the engine's after loading.
 *
 * <p>A step that fails leaves the executor usable; what the step was to write to the KV cache is
 * undefined, and the engine computes it anew or fails the requests.
 */
public interface ModelExecutor {
  /**
   * What the model is.
   *
   * @return the spec it was loaded by
   */
  ModelSpec spec();

  /**
   * What its results depend on besides its inputs.
   *
   * @return the numerics id of its backend
   */
  NumericsId numerics();

  /**
   * Computes a step: writes the KV of every row and the logits of every sequence that wants them.
   *
   * @param batch the step, within the limits it was loaded with
   * @return the logits, valid until the next call
   * @throws dev.serval.api.device.DeviceGoneException when the device is lost, and with it the
   *     executor
   */
  Logits execute(StepBatch batch);

  /**
   * Whether it computes tokens that are only guessed: what it keeps of a token is written anew when
   * another takes its position. A model that carries a state along does not, since that state has
   * all tokens in it.
   *
   * @return whether {@link StepBatch#addDraft} is allowed
   */
  boolean verifiesDrafts();

  /**
   * A sampler for one sequence, fit for where this executor's logits are.
   *
   * @param sampling how tokens are drawn
   * @param seed where the draw begins
   * @param prompt the prompt's tokens, which the repetition penalty looks at; not kept
   * @param alternatives how many alternatives to report with each token; −1 for no
   *     log-probabilities
   * @return the sampler, used by the engine's thread alone
   */
  TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives);
}
