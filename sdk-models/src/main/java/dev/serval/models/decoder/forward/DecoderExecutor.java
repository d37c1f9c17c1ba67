package dev.serval.models.decoder.forward;

import dev.serval.api.Sampling;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import dev.serval.api.model.TokenSampler;
import dev.serval.models.decoder.loading.DecoderWeights;
import dev.serval.models.decoder.loading.DecoderWeights.Mixer;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerInputs;
import dev.serval.models.decoder.traits.StateTraits;
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
 * one that all rows go to; in place of the first, or beside it, in some layers, what carries a
 * state along makes of it.
 *
 * <p>In some families gates let through what attention gives. In some both begin with the same
 * norm(x), or with one each, of x before either adds to it, or there is no gate. In some x begins
 * with embeddings of tokens and of positions, which then turn nothing. Some normalise what is added
 * once more, or that alone, or multiply it. Where one multiplies embeddings by s, x is kept s times
 * smaller: norms of x add ε/s² in place of ε, which makes them what they were, and what is added is
 * divided by s, by the gains of its norm if there is one. In some x is one of several {@linkplain
 * AltUpStreams streams}.
 *
 * <p>Behind the last keys and values that are stored nothing reads the rows that no logits are
 * wanted of, which are most of a prompt's: where the backend can {@linkplain ComputeBackend#gather
 * leave them behind}, the layer that stores them ends with the others alone, and those above it,
 * which attend to what others have stored, have no more.
 */
public final class DecoderExecutor implements ModelExecutor {
  private final ModelSpec spec;
  private final DecoderWeights weights;
  private final float logitCap;
  private final boolean parallel;
  private final int lastKeeping;
  private final float attentionFactor;
  private final float stateFactor;
  private final ComputeBackend backend;
  private final KvMemory kv;
  private final StepLimits limits;
  private final int logitRows;
  private final float embeddingFactor;
  private final ResidualStream stream;
  private final AttentionPart attention;
  private final FeedForwardPart feedForward;
  private final @Nullable Activations positions;
  private final @Nullable LayerInputRoom layerInputs;
  private final @Nullable AltUpStreams altUp;
  private final List<Activations> residual;
  private final @Nullable Recalling recalling;
  private final Logits logits;
  private final StepBatch lastRows;
  private final Consumer<StepBatch> pass = this::pass;
  private final SamplingScratch samplingScratch = new SamplingScratch();

  public DecoderExecutor(
      ModelSpec spec,
      DecoderShape shape,
      DecoderWeights weights,
      ComputeBackend backend,
      KvMemory kv,
      StepLimits limits) {
    this.spec = spec;
    this.weights = weights;
    DecoderTraits traits = shape.traits();
    this.logitCap = traits.softcaps().logits();
    this.parallel = traits.branchNorms().beside();
    this.lastKeeping = shape.keeping() - 1;
    this.attentionFactor = traits.attentionFactor();
    this.stateFactor = traits.stateFactor();
    this.backend = backend;
    this.kv = kv;
    this.limits = limits;
    int rows = limits.tokens();
    logitRows = traits.states().isPresent() ? limits.sequences() : limits.logitRows();
    logits = backend.logits(logitRows, shape.vocabulary());
    embeddingFactor = (float) traits.stream().embeddings();
    stream = new ResidualStream(backend, shape, rows);
    positions =
        traits.positions().isPresent() ? backend.activations(rows, shape.hidden(), logits) : null;
    attention = new AttentionPart(backend, kv, stream, shape, rows, logits);
    layerInputs =
        traits.stream().inputs().map(inputs -> layerInputs(shape, rows, inputs)).orElse(null);
    altUp =
        traits.stream()
            .altUp()
            .map(_ -> new AltUpStreams(backend, stream, shape, rows, logits))
            .orElse(null);
    residual = List.of(stream.rows());
    recalling = traits.states().map(states -> recalling(rows, states.traits())).orElse(null);
    feedForward = new FeedForwardPart(backend, stream, shape, rows, attention.spare());
    lastRows = new StepBatch(logitRows, limits.sequences());
  }

  private LayerInputRoom layerInputs(DecoderShape shape, int rows, LayerInputs inputs) {
    return new LayerInputRoom(
        backend, rows, shape.hidden(), shape.layers(), inputs.columns(), logits);
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
  public boolean verifiesDrafts() {
    return recalling == null;
  }

  @Override
  public Logits execute(StepBatch batch) {
    if (batch.rows() > limits.tokens()
        || batch.sequences() > limits.sequences()
        || batch.logitRows() > logitRows) {
      throw new IllegalArgumentException(
          "a step of %d tokens, %d sequences and %d rows of logits is beyond the %d, %d and %d that were asked for"
              .formatted(
                  batch.rows(),
                  batch.sequences(),
                  batch.logitRows(),
                  limits.tokens(),
                  limits.sequences(),
                  logitRows));
    }
    backend.step(batch, pass);
    return logits;
  }

  private void pass(StepBatch batch) {
    embed(batch);
    StepBatch rows = batch;
    for (int index = 0; index < spec.layers(); index++) {
      DecoderWeights.Layer layer = weights.layers().get(index);
      boolean last = index == lastKeeping;
      StepBatch before = rows;
      Activations in = begin(before, layer);
      switch (layer.mixer()) {
        case Mixer.Attending mixer -> {
          attention.remember(before, in, mixer, index);
          rows = last ? lastRows(before, mixer, index) : before;
          in = parallel ? beside(rows, before, in, layer) : in;
          add(rows, attention.attend(rows, mixer, index), layer, attentionFactor);
        }
        case Mixer.Carrying carrying -> {
          add(before, recall(before, in, carrying), layer, stateFactor);
          rows = last ? lastRows(before) : before;
        }
        case Mixer.Beside(Mixer.Attention mixer, Mixer.Carrying state, Weight output) -> {
          stream.add(before, recall(before, in, state), output, null, null, stateFactor);
          attention.remember(before, in, mixer, index);
          rows = last ? lastRows(before, mixer, index) : before;
          add(rows, attention.attend(rows, mixer, index), layer, attentionFactor);
        }
        case Mixer.None() -> rows = last ? lastRows(before) : before;
      }
      in = parallel ? in : stream.begin(rows, layer.mlpNorm());
      feedForward.add(rows, in, layer, index);
      end(rows, layer, index);
    }
    if (altUp != null) {
      altUp.end(rows, Objects.requireNonNull(weights.altUp()));
    }
    Activations normed = stream.begin(rows, weights.finalNorm());
    backend.project(rows, normed, weights.head(), weights.headBias(), logits);
    if (logitCap != AttentionSpec.NO_SOFTCAP) {
      backend.softcap(rows, logitCap, logits);
    }
    backend.draw(rows, logits);
    lastRows.clear();
  }

  /** What a layer begins with. */
  private Activations begin(StepBatch batch, DecoderWeights.Layer layer) {
    return layer.altUp() == null
        ? stream.begin(batch, layer.attentionNorm())
        : Objects.requireNonNull(altUp)
            .begin(batch, layer.altUp(), Objects.requireNonNull(layer.attentionNorm()));
  }

  /** What the feed-forward layer begins with where attention has not added to it yet. */
  private Activations beside(
      StepBatch rows, StepBatch batch, Activations in, DecoderWeights.Layer layer) {
    if (layer.mlpNorm() != null) {
      return stream.beginBeside(rows, layer.mlpNorm());
    }
    return rows == batch ? in : stream.begin(rows, layer.attentionNorm());
  }

  private void embed(StepBatch batch) {
    Activations rows = altUp == null ? stream.rows() : altUp.first();
    backend.embed(batch, weights.embeddings(), rows);
    if (weights.positions() != null) {
      Activations added = Objects.requireNonNull(positions);
      backend.embedPositions(batch, weights.positions(), added);
      backend.addScaled(batch, added, 1, rows);
    }
    if (layerInputs != null) {
      layerInputs.begin(batch, rows, Objects.requireNonNull(weights.inputs()));
    }
    if (embeddingFactor != 1) {
      backend.scale(batch, rows, embeddingFactor);
    }
    if (altUp != null) {
      altUp.begin(batch, Objects.requireNonNull(weights.altUp()));
    }
  }

  private void end(StepBatch batch, DecoderWeights.Layer layer, int index) {
    if (layer.altUp() != null) {
      Objects.requireNonNull(altUp).correct(batch, layer.altUp());
    }
    if (layer.input() != null) {
      takeInput(batch, layer, layer.input(), index);
    }
    if (layer.scale() != 1) {
      backend.scale(batch, stream.rows(), layer.scale());
    }
  }

  private void takeInput(
      StepBatch batch, DecoderWeights.Layer layer, DecoderWeights.Input weights, int index) {
    LayerInputRoom inputs = Objects.requireNonNull(layerInputs);
    if (layer.altUp() == null) {
      inputs.add(batch, index, weights, stream.rows(), residual);
    } else {
      AltUpStreams streams = Objects.requireNonNull(altUp);
      inputs.add(batch, index, weights, streams.corrected(batch, layer.altUp()), streams.others());
    }
  }

  private void add(StepBatch batch, Activations in, DecoderWeights.Layer layer, float factor) {
    Weight output = Objects.requireNonNull(layer.output());
    stream.add(batch, in, output, layer.outputBias(), layer.attentionEndNorm(), factor);
  }

  /** The rows that logits are wanted of, or all of them, and what attention has of them. */
  private StepBatch lastRows(StepBatch batch, Mixer.Attending mixer, int layer) {
    boolean all = batch.logitRows() == batch.rows();
    return all || !attention.gather(batch, mixer, layer) ? batch : lastRows(batch);
  }

  private StepBatch lastRows(StepBatch batch) {
    if (batch.logitRows() == batch.rows() || !backend.gather(batch, stream.rows())) {
      return batch;
    }
    if (layerInputs != null) {
      layerInputs.gather(batch);
    }
    if (altUp != null) {
      altUp.gather(batch);
    }
    lastRows.addLastRows(batch);
    return lastRows;
  }

  private Activations recall(StepBatch batch, Activations in, Mixer.Carrying mixer) {
    Recalling room = Objects.requireNonNull(recalling);
    backend.linear(batch, in, mixer.inputs(), null, room.in());
    switch (mixer) {
      case Mixer.DeltaNet(_, DeltaNetSpec spec, int state) ->
          backend.deltaNet(batch, room.in(), spec, state, kv, room.between(), room.out());
      case Mixer.StateSpace(_, StateSpaceSpec spec, int state) ->
          backend.stateSpace(batch, room.in(), spec, state, kv, room.between(), room.out());
      case Mixer.ShortConvolution(_, ShortConvolutionSpec spec, int state) ->
          backend.shortConvolution(batch, room.in(), spec, state, kv, room.out());
    }
    return room.out();
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
