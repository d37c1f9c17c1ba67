package dev.serval.models.decoder.forward;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.StepBatch;
import dev.serval.models.decoder.loading.DecoderWeights;
import java.util.List;

/** What a forward pass does with inputs that layers have of their own, and the room for it. */
final class LayerInputRoom {
  private final ComputeBackend backend;
  private final int columns;
  private final Activations inputs;
  private final Activations embedded;
  private final Activations gates;
  private final Activations gated;
  private final Activations given;

  /**
   * Makes room.
   *
   * @param rows the most rows of a step
   * @param columns those of a layer's input
   * @param scores where some of it may lie
   */
  LayerInputRoom(
      ComputeBackend backend, int rows, int hidden, int layers, int columns, Logits scores) {
    this.backend = backend;
    this.columns = columns;
    inputs = backend.activations(rows, layers * columns);
    embedded = backend.activations(rows, layers * columns, scores);
    gates = backend.activations(rows, columns, scores);
    gated = backend.operands(rows, columns, scores);
    given = backend.activations(rows, hidden, scores);
  }

  /** Makes the inputs of all layers, of the tokens and of their embeddings before these grow. */
  void begin(StepBatch batch, Activations embeddings, DecoderWeights.Inputs weights) {
    backend.embed(batch, weights.table(), embedded);
    backend.linear(batch, embeddings, weights.map(), null, inputs);
    backend.norm(batch, inputs, weights.norm(), inputs);
    backend.addScaled(batch, embedded, weights.factor(), inputs);
  }

  /** Leaves the rows behind that no logits are wanted of. */
  void gather(StepBatch batch) {
    backend.gather(batch, inputs);
  }

  /**
   * Adds what a layer makes of its input.
   *
   * @param in what it takes it by
   * @param out what it is added to
   */
  void add(
      StepBatch batch,
      int layer,
      DecoderWeights.Input weights,
      Activations in,
      List<Activations> out) {
    backend.linear(batch, in, weights.gate(), null, gates);
    backend.gateApart(batch, GateFunction.GELU_TANH, gates, inputs, layer * columns, gated);
    backend.linear(batch, gated, weights.output(), null, given);
    for (int index = 0; index < out.size(); index++) {
      backend.normAdd(batch, given, weights.endNorm(), out.get(index));
    }
  }
}
