package dev.serval.storage.checkpoint;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.ArtefactDigest;
import dev.serval.storage.checkpoint.ArtefactHash.Part;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** When a checkpoint's bytes are read for its digest. */
@FunctionalInterface
public interface Digesting {
  /**
   * Takes the parts of an artefact.
   *
   * @param parts all of them, in their order
   * @return what gives their digest
   */
  Supplier<ArtefactDigest> of(List<Part> parts);

  /**
   * At once.
   *
   * @param threads how many threads may work, the caller's included
   * @param listener hears of the bytes read, on the calling thread
   * @return what reads all parts when it is given them
   */
  static Digesting atOnce(int threads, LoadListener listener) {
    return parts -> {
      ArtefactDigest digest = ArtefactHash.of(parts, threads, listener);
      return () -> digest;
    };
  }

  /**
   * When it is first asked for, by whichever thread asks; others wait.
   *
   * @param threads how many threads may work, the asking one included
   * @return what reads nothing until then
   */
  static Digesting onDemand(int threads) {
    return parts -> new OnDemand(List.copyOf(parts), threads);
  }

  /** Computes once and remembers. */
  final class OnDemand implements Supplier<ArtefactDigest> {
    private final List<Part> parts;
    private final int threads;
    private @Nullable ArtefactDigest digest;

    private OnDemand(List<Part> parts, int threads) {
      this.parts = parts;
      this.threads = threads;
    }

    @Override
    public synchronized ArtefactDigest get() {
      ArtefactDigest found = digest;
      if (found == null) {
        found = ArtefactHash.of(parts, threads, LoadListener.NONE);
        digest = found;
      }
      return found;
    }
  }
}
