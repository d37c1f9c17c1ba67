package dev.serval.models.family;

import dev.serval.api.Sampling;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.FeedForwardRoom;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import dev.serval.models.family.DecoderWeights.FeedForward;
import dev.serval.models.family.DecoderWeights.Mixer;
import dev.serval.models.sampling.HostTokenSampler;
import dev.serval.models.sampling.SamplingScratch;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The forward pass of a decoder-only transformer, for all families and all backends. For each
 * layer:
 *
 * <pre>
 * x += output · attention(turn(qkv · norm(x)))
 * x += down · (function(gate · norm(x)) · (up · norm(x)))
 * </pre>
 *
 * <p>or, in place of the last line, what some of several experts make of norm(x) in that way, and
 * one that all rows go to; in place of the first, in some layers, what carries a state along makes
 * of it.
 *
 * <p>In some families gates let through what attention gives. In some both begin with the same
 * norm(x), that of x before either adds to it, or there is no gate. Some normalise what is added
 * once more, or that alone, or multiply it. Where one multiplies embeddings by s, x is kept s times
 * smaller: norms of x add ε/s² in place of ε, which makes them what they were, and what is added is
 * divided by s, by the gains of its norm if there is one.
 *
 * <p>Behind the last layer's keys and values nothing reads the rows that no logits are wanted of,
 * which are most of a prompt's: where the backend can {@linkplain ComputeBackend#gather leave them
 * behind}, that layer ends with the others alone.
 */
final class DecoderExecutor implements ModelExecutor {
  private final ModelSpec spec;
  private final DecoderWeights weights;
  private final float branchFactor;
  private final float logitCap;
  private final ActivationFunction function;
  private final boolean parallel;
  private final ComputeBackend backend;
  private final KvMemory kv;
  private final StepLimits limits;
  private final Activations residual;
  private final Activations normed;
  private final Activations qkv;
  private final Activations attended;
  private final @Nullable Gating gating;
  private final @Nullable Recalling recalling;
  private final @Nullable FeedForwardRoom room;
  private final @Nullable FeedForwardRoom sharedRoom;
  private final @Nullable Activations branch;
  private final Logits logits;
  private final StepBatch lastRows;
  private final Consumer<StepBatch> pass = this::pass;
  private final SamplingScratch samplingScratch = new SamplingScratch();

  DecoderExecutor(
      ModelSpec spec,
      DecoderShape shape,
      DecoderWeights weights,
      ComputeBackend backend,
      KvMemory kv,
      StepLimits limits) {
    this.spec = spec;
    this.weights = weights;
    this.branchFactor = shape.traits().branchFactor();
    this.logitCap = shape.traits().softcaps().logits();
    this.function = shape.traits().activation();
    this.parallel = shape.traits().branchNorms().one();
    this.backend = backend;
    this.kv = kv;
    this.limits = limits;
    int rows = limits.tokens();
    logits = backend.logits(limits.sequences(), shape.vocabulary());
    residual = backend.activations(rows, shape.hidden());
    normed = backend.operands(rows, shape.hidden());
    qkv = backend.activations(rows, shape.queryColumns() + 2 * shape.keyColumns(), logits);
    boolean inPlace = shape.queryColumns() == shape.hidden() && !parallel;
    attended = inPlace ? normed : backend.operands(rows, shape.queryColumns(), logits);
    List<Activations> spare = inPlace ? List.of(qkv) : List.of(qkv, attended);
    gating = shape.traits().outputGates() ? gating(rows, shape.queryColumns()) : null;
    recalling =
        shape.traits().states().map(states -> recalling(rows, states.traits())).orElse(null);
    boolean apart = shape.traits().branchNorms().end().isPresent() || branchFactor != 1;
    branch = apart ? backend.activations(rows, shape.hidden()) : null;
    Optional<ExpertTraits> experts = shape.traits().experts();
    room =
        experts.filter(some -> some.in(0)).isPresent()
            ? null
            : backend.feedForwardRoom(function, rows, shape.intermediate(), spare);
    sharedRoom =
        experts
            .flatMap(ExpertTraits::shared)
            .filter(shared -> shared.gate().isEmpty())
            .map(shared -> backend.feedForwardRoom(function, rows, shared.inner(), spare))
            .orElse(null);
    lastRows = new StepBatch(limits.sequences(), limits.sequences());
  }

  /** Gates of attention's output, and that output before they let it through. */
  private record Gating(Activations gates, Activations given) {}

  private Gating gating(int rows, int columns) {
    return new Gating(
        backend.activations(rows, columns, logits), backend.activations(rows, columns, logits));
  }

  /** What a layer that carries a state along begins with, has in between and gives. */
  private record Recalling(Activations in, Activations between, Activations out) {}

  private Recalling recalling(int rows, StateTraits traits) {
    return new Recalling(
        backend.activations(rows, traits.inputColumns(), logits),
        backend.activations(rows, traits.betweenColumns(), logits),
        backend.operands(rows, traits.outputColumns(), logits));
  }

  @Override
  public ModelSpec spec() {
    return spec;
  }

  @Override
  public NumericsId numerics() {
    return backend.numerics();
  }

  @Override
  public Logits execute(StepBatch batch) {
    if (batch.rows() > limits.tokens() || batch.sequences() > limits.sequences()) {
      throw new IllegalArgumentException(
          "a step of %d tokens and %d sequences is beyond the %d and %d that were asked for"
              .formatted(batch.rows(), batch.sequences(), limits.tokens(), limits.sequences()));
    }
    backend.step(batch, pass);
    return logits;
  }

  private void pass(StepBatch batch) {
    backend.embed(batch, weights.embeddings(), residual);
    StepBatch rows = batch;
    for (int index = 0; index < spec.layers(); index++) {
      DecoderWeights.Layer layer = weights.layers().get(index);
      boolean last = index == spec.layers() - 1;
      Activations in = branchInput(batch, layer.attentionNorm());
      switch (layer.mixer()) {
        case Mixer.Attention attention -> {
          remember(batch, in, attention);
          rows = last ? lastRows(batch, attention) : batch;
          in = parallel && rows != batch ? branchInput(rows, layer.attentionNorm()) : in;
          add(rows, attend(rows, attention), layer);
        }
        case Mixer.Carrying carrying -> {
          add(batch, recall(batch, in, carrying), layer);
          rows = last ? lastRows(batch) : batch;
        }
        case Mixer.None() -> rows = last ? lastRows(batch) : batch;
      }
      feedForward(rows, parallel ? in : branchInput(rows, layer.mlpNorm()), layer);
    }
    backend.norm(rows, residual, weights.finalNorm(), normed);
    backend.project(rows, normed, weights.head(), weights.headBias(), logits);
    if (logitCap != AttentionSpec.NO_SOFTCAP) {
      backend.softcap(rows, logitCap, logits);
    }
    backend.draw(rows, logits);
    lastRows.clear();
  }

  /** The rows that logits are wanted of, or all of them. */
  private StepBatch lastRows(StepBatch batch, Mixer.Attention attention) {
    if (batch.logitRows() == batch.rows() || !backend.gather(batch, qkv)) {
      return batch;
    }
    if (attention.gates() != null) {
      backend.gather(batch, Objects.requireNonNull(gating).gates());
    }
    return lastRows(batch);
  }

  private StepBatch lastRows(StepBatch batch) {
    if (batch.logitRows() == batch.rows() || !backend.gather(batch, residual)) {
      return batch;
    }
    lastRows.addLastRows(batch);
    return lastRows;
  }

  private void remember(StepBatch batch, Activations in, Mixer.Attention attention) {
    backend.linear(batch, in, attention.qkv(), attention.qkvBias(), qkv);
    if (attention.gates() != null) {
      Activations gates = Objects.requireNonNull(gating).gates();
      backend.linear(batch, in, attention.gates(), attention.gatesBias(), gates);
    }
    backend.rotateAndStore(batch, qkv, attention.spec(), attention.cacheLayer(), kv);
  }

  private Activations attend(StepBatch batch, Mixer.Attention attention) {
    if (gating == null) {
      backend.attention(batch, qkv, attention.spec(), attention.cacheLayer(), kv, attended);
    } else {
      Activations given = gating.given();
      backend.attention(batch, qkv, attention.spec(), attention.cacheLayer(), kv, given);
      backend.gateOutput(batch, gating.gates(), given, attended);
    }
    return attended;
  }

  private Activations recall(StepBatch batch, Activations in, Mixer.Carrying mixer) {
    Recalling room = Objects.requireNonNull(recalling);
    backend.linear(batch, in, mixer.inputs(), null, room.in());
    switch (mixer) {
      case Mixer.DeltaNet(_, DeltaNetSpec spec, long at) ->
          backend.deltaNet(batch, room.in(), spec, at, kv, room.between(), room.out());
      case Mixer.StateSpace(_, StateSpaceSpec spec, long at) ->
          backend.stateSpace(batch, room.in(), spec, at, kv, room.between(), room.out());
      case Mixer.ShortConvolution(_, ShortConvolutionSpec spec, long at) ->
          backend.shortConvolution(batch, room.in(), spec, at, kv, room.out());
    }
    return room.out();
  }

  private void feedForward(StepBatch batch, Activations in, DecoderWeights.Layer layer) {
    switch (layer.feedForward()) {
      case FeedForward.Dense dense -> dense(batch, in, dense.maps(), room, layer.mlpEndNorm());
      case FeedForward.Sparse sparse -> sparse(batch, in, sparse);
      case FeedForward.None() -> {}
    }
  }

  /** What attention and the feed-forward layer begin with. */
  private Activations branchInput(StepBatch batch, @Nullable Norm norm) {
    if (norm == null) {
      return residual;
    }
    backend.norm(batch, residual, norm, normed);
    return normed;
  }

  private void sparse(StepBatch batch, Activations in, FeedForward.Sparse sparse) {
    List<ExpertLayer> experts = sparse.experts();
    for (int index = 0; index < experts.size(); index++) {
      backend.addExperts(batch, in, experts.get(index), residual);
    }
    if (sparse.shared() != null) {
      dense(batch, in, sparse.shared(), sharedRoom, null);
    }
  }

  private void dense(
      StepBatch batch,
      Activations in,
      FeedForwardMaps maps,
      @Nullable FeedForwardRoom of,
      @Nullable Norm endNorm) {
    FeedForwardRoom between = Objects.requireNonNull(of);
    if (branch == null) {
      backend.feedForward(batch, function, in, maps, between, residual, true);
      return;
    }
    backend.feedForward(batch, function, in, maps, between, branch, false);
    addBranch(batch, branch, endNorm);
  }

  private void add(StepBatch batch, Activations in, DecoderWeights.Layer layer) {
    Weight output = Objects.requireNonNull(layer.output());
    if (branch == null) {
      backend.linearAdd(batch, in, output, layer.outputBias(), residual);
      return;
    }
    backend.linear(batch, in, output, layer.outputBias(), branch);
    addBranch(batch, branch, layer.attentionEndNorm());
  }

  private void addBranch(StepBatch batch, Activations given, @Nullable Norm endNorm) {
    if (endNorm == null) {
      backend.addScaled(batch, given, branchFactor, residual);
    } else {
      backend.normAdd(batch, given, endNorm, residual);
    }
  }

  @Override
  public TokenSampler sampler(Sampling sampling, long seed, int[] prompt, int alternatives) {
    Optional<TokenSampler> own =
        alternatives < 0
            ? backend.sampler(sampling, seed, prompt, spec.vocabulary())
            : Optional.empty();
    return own.orElseGet(() ->
        new HostTokenSampler(
            sampling, seed, prompt, spec.vocabulary(), alternatives, samplingScratch));
  }
}
