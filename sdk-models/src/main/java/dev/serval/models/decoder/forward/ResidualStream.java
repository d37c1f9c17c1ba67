package dev.serval.models.decoder.forward;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderShape;
import dev.serval.models.decoder.traits.DecoderTraits;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What goes from layer to layer, and how the parts of layers begin with it and add to it. */
final class ResidualStream {
  private final ComputeBackend backend;
  private final Activations rows;
  private final Activations normed;
  private final @Nullable Activations normedBeside;
  private final @Nullable Activations branch;

  /**
   * Makes room.
   *
   * @param count the most rows of a step
   */
  ResidualStream(ComputeBackend backend, DecoderShape shape, int count) {
    this.backend = backend;
    rows = backend.activations(count, shape.hidden());
    normed = backend.operands(count, shape.hidden());
    BranchNorms norms = shape.traits().branchNorms();
    normedBeside = norms.beside() && !norms.one() ? backend.operands(count, shape.hidden()) : null;
    branch = apart(shape.traits()) ? backend.activations(count, shape.hidden()) : null;
  }

  private static boolean apart(DecoderTraits traits) {
    return traits.branchNorms().end().isPresent()
        || traits.attentionFactor() != 1
        || traits.stateFactor() != 1
        || traits.feedForwardFactor() != 1;
  }

  /** The rows themselves. */
  Activations rows() {
    return rows;
  }

  /** Where rows go that are normalised; for others' use once these are read. */
  Activations normed() {
    return normed;
  }

  /** Where a part's result lies that is not added at once. */
  Activations branch() {
    return Objects.requireNonNull(branch);
  }

  /** What a part begins with. */
  Activations begin(StepBatch batch, @Nullable Norm norm) {
    if (norm == null) {
      return rows;
    }
    backend.norm(batch, rows, norm, normed);
    return normed;
  }

  /** What a part begins with that begins beside another, before that adds to the rows. */
  Activations beginBeside(StepBatch batch, Norm norm) {
    Activations out = Objects.requireNonNull(normedBeside);
    backend.norm(batch, rows, norm, out);
    return out;
  }

  /** Whether what a part gives is added as it is, and so at once. */
  static boolean atOnce(@Nullable Norm endNorm, float factor) {
    return endNorm == null && factor == 1;
  }

  /**
   * Adds what a map makes of some rows.
   *
   * @param factor by what it is multiplied, if it has no norm
   */
  void add(
      StepBatch batch,
      Activations in,
      Weight map,
      @Nullable Weight bias,
      @Nullable Norm endNorm,
      float factor) {
    if (atOnce(endNorm, factor)) {
      backend.linearAdd(batch, in, map, bias, rows);
      return;
    }
    backend.linear(batch, in, map, bias, branch());
    add(batch, branch(), endNorm, factor);
  }

  /** Likewise, what a part has given. */
  void add(StepBatch batch, Activations given, @Nullable Norm endNorm, float factor) {
    if (endNorm == null) {
      backend.addScaled(batch, given, factor, rows);
    } else {
      backend.normAdd(batch, given, endNorm, rows);
    }
  }
}
