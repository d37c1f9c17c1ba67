package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.GenerationRequest;
import dev.serval.api.Prompt;
import dev.serval.api.batching.Applicant;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.device.Device;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TextCodec;
import dev.serval.api.placement.Placement;
import dev.serval.api.storage.Checkpoint;
import dev.serval.runtime.generation.GenerationEnvironment;
import dev.serval.runtime.generation.GenerationListener;
import dev.serval.runtime.generation.LiveGeneration;
import dev.serval.runtime.generation.PreparedRequest;
import dev.serval.runtime.generation.RequestPreparation;
import dev.serval.runtime.generation.Submission;
import java.util.List;
import java.util.function.Consumer;

/**
 * A model that was put together and runs.
 *
 * @param stored what was read
 * @param placed where it went
 * @param computing what computes it
 * @param preparation checks its requests
 * @param environment what its generations share
 */
record LoadedModel(
    Stored stored,
    Placed placed,
    Computing computing,
    RequestPreparation preparation,
    GenerationEnvironment environment) {

  /**
   * A model as it was read.
   *
   * @param names the names it is served under, the first one its own
   * @param contextLength how many tokens a sequence may have, as far as the model goes
   * @param checkpoint where its bytes are
   * @param family what runs it
   * @param spec what it is
   * @param codec how it reads text
   */
  record Stored(
      List<String> names,
      int contextLength,
      Checkpoint checkpoint,
      ModelFamily family,
      ModelSpec spec,
      TextCodec codec) {
    String name() {
      return names.getFirst();
    }
  }

  /**
   * A model's place.
   *
   * @param placement the device and the reason
   * @param weights what its weights take there
   * @param layout how KV blocks are laid out
   * @param kv how many there are
   */
  record Placed(Placement placement, Bytes weights, KvLayout layout, KvOptions.Size kv) {
    /** The device's memory that the model takes. */
    Bytes total() {
      return weights.plus(kvBytes());
    }

    /** How many tokens of a sequence a step computes at most. */
    int reach(StepLimits limits) {
      return layout.reach(limits.tokens(), kv.blocks());
    }

    Bytes kvBytes() {
      return Bytes.of(Math.multiplyExact(kv.blocks(), layout.blockBytes()));
    }
  }

  /**
   * What computes a model.
   *
   * @param executor its forward pass
   * @param backend the backend, in words
   * @param mapped how much of the weights is used where the checkpoint is mapped
   * @param swap where its KV blocks go when others need their place
   */
  record Computing(ModelExecutor executor, String backend, Bytes mapped, KvSwap swap) {}

  String name() {
    return stored.name();
  }

  Device device() {
    return placed.placement().device();
  }

  Engine engine() {
    return environment.engine();
  }

  /** How many tokens prompt and completion may have together. */
  int contextLength() {
    return preparation.contextLength();
  }

  /** The same model, whose generations nobody hears about. */
  LoadedModel unheard() {
    return new LoadedModel(
        stored, placed, computing, preparation, environment.withListener(GenerationListener.NONE));
  }

  /** A request before its prompt is tokenised: it has one token at least. */
  private static Applicant applicant(GenerationRequest request) {
    return new Applicant(
        request.prompt() instanceof Prompt.Tokens tokens ? Math.max(1, tokens.ids().length) : 1,
        request.maxTokens(),
        request.priority(),
        ServiceTerms.of(request));
  }

  /**
   * Begins a generation.
   *
   * @throws dev.serval.api.RequestRejectedException when the engine does not take it now; before
   *     any work is done if that can be told so early
   */
  LiveGeneration submit(String id, GenerationRequest request, Consumer<LiveGeneration> whenEnded) {
    Submission submission = Submission.of(id, request, environment);
    try {
      engine().requireAdmission(applicant(request));
      PreparedRequest prepared = preparation.prepare(id, request);
      LiveGeneration generation = new LiveGeneration(prepared, environment, submission, whenEnded);
      generation.begin();
      return generation;
    } catch (RuntimeException | Error e) {
      submission.trace().refused(e);
      throw e;
    }
  }
}
