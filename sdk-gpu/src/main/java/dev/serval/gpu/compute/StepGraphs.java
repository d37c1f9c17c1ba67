package dev.serval.gpu.compute;

import dev.serval.api.compute.StepBatch;
import dev.serval.gpu.driver.ExecutableGraph;
import dev.serval.gpu.driver.Graph;
import dev.serval.gpu.driver.Stream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Records of decode steps. Steps that decode one token of each of their sequences are put into
 * buckets by how many sequences and how many parts of their caches there are at most; within a
 * bucket they are launched alike. The first step of a bucket is launched by its operations, so that
 * all room it needs is there; the second is recorded; those after it replay the record.
 */
final class StepGraphs {
  private static final int SMALL = 8;

  private final Stream stream;
  private final List<Bucket> buckets = new ArrayList<>();
  private @Nullable StepEffects recording;

  /** Records of what a stream is given. */
  StepGraphs(Stream stream) {
    this.stream = stream;
  }

  /** Steps that are launched alike. */
  static final class Bucket {
    private final Consumer<StepBatch> pass;
    private final int sequences;
    private final int parts;
    private StepEffects effects = new StepEffects();
    private @Nullable ExecutableGraph graph;
    private boolean launched;

    private Bucket(Consumer<StepBatch> pass, int sequences, int parts) {
      this.pass = pass;
      this.sequences = sequences;
      this.parts = parts;
    }

    int sequences() {
      return sequences;
    }

    int parts() {
      return parts;
    }

    StepEffects effects() {
      return effects;
    }

    @Nullable ExecutableGraph graph() {
      return graph;
    }

    /** Whether a step was launched by its operations, so that the next can be recorded. */
    boolean launched() {
      return launched;
    }

    void wasLaunched() {
      launched = true;
    }

    private void recorded(ExecutableGraph record, StepEffects what) {
      graph = record;
      effects = what;
    }
  }

  /** Whether a step decodes one token of each of its sequences, and nothing else. */
  static boolean decodes(StepImage image) {
    return image.tiles() == 0
        && image.rows() == image.sequences()
        && image.logitRows() == image.sequences()
        && image.rows() > 0;
  }

  /** The bucket of a step that {@link #decodes}. */
  Bucket bucket(Consumer<StepBatch> pass, StepImage image) {
    int sequences = image.rows() == 1 ? 1 : Math.max(SMALL, powerFrom(image.rows()));
    int parts = Math.max(powerFrom(image.parts()), sequences);
    for (int i = 0; i < buckets.size(); i++) {
      Bucket bucket = buckets.get(i);
      if (bucket.pass.equals(pass) && bucket.sequences == sequences && bucket.parts == parts) {
        return bucket;
      }
    }
    Bucket bucket = new Bucket(pass, sequences, parts);
    buckets.add(bucket);
    return bucket;
  }

  private static int powerFrom(int count) {
    return count <= 1 ? 1 : 2 * Integer.highestOneBit(count - 1);
  }

  /** Records a bucket's steps by the operations of one. */
  ExecutableGraph record(Bucket bucket, Runnable operations) {
    StepEffects effects = new StepEffects();
    recording = effects;
    try (Graph graph = stream.capture(operations)) {
      ExecutableGraph executable = graph.instantiate();
      bucket.recorded(executable, effects);
      return executable;
    } finally {
      recording = null;
    }
  }

  /** Where operations note what they do on the host, if they are recorded at this moment. */
  @Nullable StepEffects recording() {
    return recording;
  }

  /** How many records there are. */
  int recorded() {
    return (int) buckets.stream().filter(bucket -> bucket.graph != null).count();
  }

  /** Something that records refer to is about to change: waits for them and drops them. */
  void drop() {
    if (recording != null) {
      throw new IllegalStateException("a step that was launched before needs more room now");
    }
    stream.synchronize();
    for (Bucket bucket : buckets) {
      ExecutableGraph graph = bucket.graph;
      if (graph != null) {
        graph.close();
      }
    }
    buckets.clear();
  }
}
