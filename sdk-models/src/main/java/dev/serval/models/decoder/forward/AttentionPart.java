package dev.serval.models.decoder.forward;

import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.models.decoder.loading.DecoderWeights.Mixer;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.OutputGates;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** How layers attend, and the room that it has in between. */
final class AttentionPart {
  private final ComputeBackend backend;
  private final KvMemory kv;
  private final ResidualStream stream;
  private final Logits scores;
  private final List<Room> rooms;
  private final @Nullable Gating gating;
  private final @Nullable LatentRoom latent;

  /**
   * Makes room.
   *
   * @param rows the most rows of a step
   * @param scores where some of it may lie
   */
  AttentionPart(
      ComputeBackend backend,
      KvMemory kv,
      ResidualStream stream,
      DecoderShape shape,
      int rows,
      Logits scores) {
    this.backend = backend;
    this.kv = kv;
    this.stream = stream;
    this.scores = scores;
    rooms = rooms(shape, rows);
    gating =
        shape.traits().outputGates() != OutputGates.NONE
            ? gating(rows, shape.heads() * shape.headDim())
            : null;
    latent =
        shape
            .traits()
            .latent()
            .map(traits -> new LatentRoom(backend, kv, rows, shape.heads(), traits, scores))
            .orElse(null);
  }

  /** What attention begins with, and what it gives to its last map. */
  private record Room(Activations qkv, Activations attended) {}

  /** Of each layer; of those of one size the same. */
  private List<Room> rooms(DecoderShape shape, int rows) {
    Map<List<Integer>, Room> rooms = new HashMap<>();
    return IntStream.range(0, shape.layers())
        .mapToObj(layer -> List.of(shape.attentionInputs(layer), shape.attentionOutputs(layer)))
        .map(sizes ->
            rooms.computeIfAbsent(sizes, _ -> room(shape, rows, sizes.getFirst(), sizes.getLast())))
        .toList();
  }

  /** Maps of heads give rows alone, so what they give is no operand. */
  private Room room(DecoderShape shape, int rows, int inputs, int outputs) {
    Activations qkv = backend.activations(rows, inputs, scores);
    if (shape.traits().latent().isPresent()) {
      return new Room(qkv, backend.activations(rows, outputs, scores));
    }
    boolean inPlace = outputs == shape.hidden() && !shape.traits().branchNorms().one();
    return new Room(qkv, inPlace ? stream.normed() : backend.operands(rows, outputs, scores));
  }

  /** Gates of attention's output, and that output before they let it through. */
  private record Gating(Activations gates, Activations given) {}

  private Gating gating(int rows, int columns) {
    return new Gating(
        backend.activations(rows, columns, scores), backend.activations(rows, columns, scores));
  }

  /** What nobody reads any more behind attention. */
  List<Activations> spare() {
    Room first = rooms.getFirst();
    return first.attended.equals(stream.normed())
        ? List.of(first.qkv)
        : List.of(first.qkv, first.attended);
  }

  /** Makes a layer's queries, keys and values, and keeps those of the step's tokens. */
  void remember(StepBatch batch, Activations in, Mixer.Attending attention, int layer) {
    Activations qkv = rooms.get(layer).qkv;
    switch (attention) {
      case Mixer.Attention plain -> remember(batch, in, plain, qkv);
      case Mixer.Latent own -> Objects.requireNonNull(latent).remember(batch, in, own, qkv);
    }
  }

  private void remember(
      StepBatch batch, Activations in, Mixer.Attention attention, Activations qkv) {
    backend.linear(batch, in, attention.qkv(), attention.qkvBias(), qkv);
    if (attention.gates() != null) {
      Activations gates = Objects.requireNonNull(gating).gates();
      backend.linear(batch, in, attention.gates(), attention.gatesBias(), gates);
    }
    backend.rotateAndStore(batch, qkv, attention.spec(), attention.cacheLayer(), kv);
  }

  /**
   * Leaves the rows behind that no logits are wanted of.
   *
   * @return whether they were left behind
   */
  boolean gather(StepBatch batch, Mixer.Attending attention, int layer) {
    if (!backend.gather(batch, rooms.get(layer).qkv)) {
      return false;
    }
    if (attention instanceof Mixer.Attention plain && plain.gates() != null) {
      backend.gather(batch, Objects.requireNonNull(gating).gates());
    }
    return true;
  }

  /** Attends, and gives what the layer's last map begins with. */
  Activations attend(StepBatch batch, Mixer.Attending attention, int layer) {
    Room room = rooms.get(layer);
    switch (attention) {
      case Mixer.Attention plain -> attend(batch, plain, room);
      case Mixer.Latent own ->
          Objects.requireNonNull(latent).attend(batch, room.qkv, own, room.attended);
    }
    return room.attended;
  }

  private void attend(StepBatch batch, Mixer.Attention attention, Room room) {
    Activations out = gating == null ? room.attended : gating.given();
    backend.attention(batch, room.qkv, attention.spec(), attention.cacheLayer(), kv, out);
    if (gating != null) {
      backend.gateOutput(batch, gating.gates(), out, room.attended);
    }
  }
}
