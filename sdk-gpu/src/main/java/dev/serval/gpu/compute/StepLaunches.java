package dev.serval.gpu.compute;

import dev.serval.api.compute.StepBatch;
import dev.serval.gpu.driver.DeviceLostException;
import dev.serval.gpu.driver.ExecutableGraph;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A backend's steps, one after the other: each is brought to the device, has its operations
 * launched, recorded or replayed, and is waited for. Beside whole steps there are operations and
 * draws by themselves, which are waited for when what they wrote is asked for.
 */
final class StepLaunches {
  /*
   * A step's tokens, positions, block tables and draws go over in one copy, to an address that all
   * launches share. So a launch depends on the step only by the sizes of its grids, and those are made
   * for bounds that may lie above the step: blocks without work end at once. That is what lets a record
   * of one decode step be replayed for another.
   *
   * Records name addresses. Whatever moves (room that has to grow) drops all records first.
   *
   * A bucket's first step is launched by its operations with the bucket's bounds, so that everything
   * that has to grow for it has grown when the next one is recorded: nothing is allocated meanwhile.
   */
  private final DeviceAccess access;
  private final WeightLoader loader;
  private final StagedStep step;
  private final StepBounds bounds;
  private final StepGraphs graphs;
  private final Drawing drawing;
  private final RotaryTables turns;
  private final List<CudaKvSwap> swaps = new ArrayList<>();
  private @Nullable StepBatch staged;
  private int tileRows = Abi.TILE_QUERIES;
  private boolean unsettled;
  private long steps;
  private long handedOver;

  StepLaunches(
      DeviceAccess access,
      WeightLoader loader,
      StagedStep step,
      StepBounds bounds,
      StepGraphs graphs,
      Drawing drawing,
      RotaryTables turns) {
    this.access = access;
    this.loader = loader;
    this.step = step;
    this.bounds = bounds;
    this.graphs = graphs;
    this.drawing = drawing;
    this.turns = turns;
  }

  /** Makes the moves of a swap with the steps from now on. */
  void move(CudaKvSwap swap) {
    swaps.add(swap);
  }

  /** Has a whole step computed, and waits for it. */
  void run(StepBatch batch, Consumer<StepBatch> pass) {
    access.attach();
    access.requireDevice();
    steps++;
    try {
      loader.rest();
      moveBlocks();
      drawing.begin();
      drawing.count(batch);
      staged = batch;
      StepImage image = step.stage(batch, tileRows);
      if (StepGraphs.decodes(image)) {
        decode(batch, image, graphs.bucket(pass, image), pass);
      } else {
        bounds.exactly(image);
        pass.accept(batch);
      }
      handedOver = System.nanoTime();
      finish();
    } catch (DeviceLostException e) {
      throw access.gone(e);
    } catch (RuntimeException | Error e) {
      drawing.forget();
      throw e;
    } finally {
      staged = null;
    }
  }

  private void moveBlocks() {
    for (int i = 0; i < swaps.size(); i++) {
      swaps.get(i).move();
    }
  }

  private void moveBlocksBeside() {
    for (int i = 0; i < swaps.size(); i++) {
      swaps.get(i).moveBeside();
    }
  }

  /** Moves what the step does not need while it is computed, and waits for the step. */
  private void finish() {
    try {
      moveBlocksBeside();
    } finally {
      access.stream().synchronize();
      unsettled = false;
    }
  }

  private void decode(
      StepBatch batch, StepImage image, StepGraphs.Bucket bucket, Consumer<StepBatch> pass) {
    turns.cover(image.longest());
    bounds.decodes(bucket.sequences(), bucket.parts());
    ExecutableGraph graph = bucket.graph();
    if (graph == null && !bucket.launched()) {
      pass.accept(batch);
      bucket.wasLaunched();
      return;
    }
    if (graph == null) {
      graph = graphs.record(bucket, () -> pass.accept(batch));
    }
    bucket.effects().check(batch, image);
    bucket.effects().leave(image.logitRows(), drawing);
    graph.launch(access.stream());
  }

  /**
   * Sees to it that kernels find a batch on the device: a step's is there, another is brought over,
   * which within a step takes its place.
   */
  StepImage stage(StepBatch batch) {
    return stage(batch, 0);
  }

  /** As before, for an operation that writes to blocks. */
  StepImage stage(StepBatch batch, CudaKvMemory kv) {
    StepImage image = stage(batch);
    CudaChecks.blocks(batch, image, kv);
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.used(kv);
    }
    return image;
  }

  /**
   * As before, for an operation that takes rows in tiles.
   *
   * @param mostTileRows how many rows a tile may have; 0 if it does not matter
   */
  StepImage stage(StepBatch batch, int mostTileRows) {
    access.attach();
    boolean tiled = mostTileRows == 0 || mostTileRows == tileRows || step.image().tiles() == 0;
    if (batch == staged && tiled) {
      return step.image();
    }
    if (mostTileRows > 0) {
      tileRows = mostTileRows;
    }
    if (staged == null) {
      beginAlone();
    } else {
      requireUnrecorded();
      staged = batch;
    }
    StepImage image = step.stage(batch, tileRows);
    bounds.exactly(image);
    return image;
  }

  private void beginAlone() {
    access.requireDevice();
    loader.rest();
    moveBlocks();
    moveBlocksBeside();
    unsettled = true;
  }

  private void requireUnrecorded() {
    if (graphs.recording() != null) {
      throw new IllegalArgumentException(
          "a step that decodes is recorded, and one of its operations was called with another step");
    }
  }

  /** Draws what a batch asks for, as part of a step or as one of its own. */
  void draw(StepBatch batch, CudaLogits scores) {
    if (staged == null) {
      steps++;
    }
    stage(batch);
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.drew(scores);
    } else {
      drawing.drew(scores);
    }
    if (bounds.draws() > 0) {
      drawing.launch(scores);
    }
  }

  /**
   * A token that was drawn in the step, or is drawn now where the step did not.
   *
   * @param place where it would be among those of the step; −1 if it cannot be there
   */
  int drawn(CudaLogits logits, DeviceSampler sampler, int row, int place) {
    access.attach();
    access.requireDevice();
    try {
      boolean there = drawing.drewFrom(logits) && place >= 0;
      if (!there) {
        drawNow(logits, sampler, row);
      }
      settle();
      return drawing.id(there ? place : drawing.alone());
    } catch (DeviceLostException e) {
      throw access.gone(e);
    }
  }

  private void drawNow(CudaLogits logits, DeviceSampler sampler, int row) {
    drawing.count(sampler);
    step.stageDraw(sampler, row);
    bounds.oneDraw();
    drawing.launchAlone(logits);
    unsettled = true;
  }

  /** Waits for what was launched outside a step. */
  private void settle() {
    if (unsettled) {
      access.stream().synchronize();
      unsettled = false;
    }
  }

  /** The number of the step under way, or of the last one. */
  long number() {
    return steps;
  }

  /** When the last step had been handed to the device, by {@link System#nanoTime}. */
  long handedOver() {
    return handedOver;
  }
}
