package dev.serval.models.family;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.models.family.DecoderTraits.BranchNorms;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What goes from layer to layer, and how the parts of layers begin with it and add to it. */
final class ResidualStream {
  private final ComputeBackend backend;
  private final float branchFactor;
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
    branchFactor = shape.traits().branchFactor();
    rows = backend.activations(count, shape.hidden());
    normed = backend.operands(count, shape.hidden());
    BranchNorms norms = shape.traits().branchNorms();
    normedBeside = norms.beside() && !norms.one() ? backend.operands(count, shape.hidden()) : null;
    boolean apart = shape.traits().branchNorms().end().isPresent() || branchFactor != 1;
    branch = apart ? backend.activations(count, shape.hidden()) : null;
  }

  /** The rows themselves. */
  Activations rows() {
    return rows;
  }

  /** Where rows go that are normalised; for others' use once these are read. */
  Activations normed() {
    return normed;
  }

  /** Where a part's result lies that is not added at once; null if all are. */
  @Nullable Activations branch() {
    return branch;
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

  /** Adds what a map makes of some rows. */
  void add(
      StepBatch batch, Activations in, Weight map, @Nullable Weight bias, @Nullable Norm endNorm) {
    if (branch == null) {
      backend.linearAdd(batch, in, map, bias, rows);
      return;
    }
    backend.linear(batch, in, map, bias, branch);
    add(batch, branch, endNorm);
  }

  /** Adds what a part has given. */
  void add(StepBatch batch, Activations given, @Nullable Norm endNorm) {
    if (endNorm == null) {
      backend.addScaled(batch, given, branchFactor, rows);
    } else {
      backend.normAdd(batch, given, endNorm, rows);
    }
  }
}
