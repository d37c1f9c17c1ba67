package dev.serval.models.decoder.forward;

import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.models.decoder.loading.DecoderWeights.Mixer;
import dev.serval.models.decoder.traits.LatentTraits;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Latent attention's part of a forward pass, and the room that it has in between. */
final class LatentRoom {
  private final ComputeBackend backend;
  private final KvMemory kv;
  private final @Nullable Activations queryInputs;
  private final @Nullable Activations normedInputs;
  private final Activations queries;
  private final Activations keys;
  private final Activations attendedTo;

  /**
   * Makes room.
   *
   * @param rows the most rows of a step
   * @param scores where some of it may lie
   */
  LatentRoom(
      ComputeBackend backend,
      KvMemory kv,
      int rows,
      int heads,
      LatentTraits traits,
      Logits scores) {
    this.backend = backend;
    this.kv = kv;
    boolean ranked = traits.queryRank().isPresent();
    int rank = traits.queryRank().orElse(1);
    queryInputs = ranked ? backend.activations(rows, rank, scores) : null;
    normedInputs = ranked ? backend.operands(rows, rank, scores) : null;
    queries = backend.activations(rows, heads * traits.headDim(), scores);
    keys = backend.activations(rows, traits.keyDim(), scores);
    attendedTo = backend.activations(rows, heads * traits.rank(), scores);
  }

  /** Makes queries and keys, and keeps what is kept of the step's tokens. */
  void remember(StepBatch batch, Activations in, Mixer.Latent mixer, Activations queriesAndKeys) {
    Activations inputs = in;
    if (mixer.queryInputs() != null) {
      Activations raw = Objects.requireNonNull(queryInputs);
      inputs = Objects.requireNonNull(normedInputs);
      backend.linear(batch, in, mixer.queryInputs(), null, raw);
      backend.norm(batch, raw, Objects.requireNonNull(mixer.queryNorm()), inputs);
    }
    backend.linear(batch, inputs, mixer.queries(), null, queries);
    backend.linear(batch, in, mixer.keys(), null, keys);
    backend.linearOfHeads(batch, queries, mixer.intoQueries(), keys, queriesAndKeys);
    backend.rotateAndStore(batch, queriesAndKeys, mixer.spec(), mixer.cacheLayer(), kv);
  }

  /** Attends to what is kept, and makes each head's value of it. */
  void attend(StepBatch batch, Activations queriesAndKeys, Mixer.Latent mixer, Activations out) {
    backend.attention(batch, queriesAndKeys, mixer.spec(), mixer.cacheLayer(), kv, attendedTo);
    backend.linearOfHeads(batch, attendedTo, mixer.ofValues(), null, out);
  }
}
