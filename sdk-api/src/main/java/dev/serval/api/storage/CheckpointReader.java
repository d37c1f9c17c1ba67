package dev.serval.api.storage;

import dev.serval.api.LoadListener;
import java.nio.file.Path;

/**
 * Opens checkpoints of one format. Implementations are found by {@link java.util.ServiceLoader} or
 * given to the runtime, have no state, and trust nothing they read: whatever the file says, the
 * answer is a checkpoint or a {@link CheckpointException}; and memory is taken for what is there to
 * be read, never for what a file claims.
 */
public interface CheckpointReader {
  /**
   * The format's name.
   *
   * @return a short name, such as {@code safetensors}
   */
  String format();

  /**
   * Whether this path looks like this reader's format: a look at names and first bytes, no more.
   *
   * @param path a file or folder
   * @return true if {@link #open} is worth calling
   */
  boolean recognises(Path path);

  /**
   * Opens and checks a checkpoint. Reads every byte once, for the digest, and may do so with helper
   * threads that have ended when it returns. An interrupt of the calling thread ends it.
   *
   * @param path a file or folder
   * @param listener hears, on the calling thread, how far reading has come, in bytes; what it
   *     throws ends the opening
   * @return the checkpoint, which the caller closes
   * @throws CheckpointException when it is damaged, incomplete or unreadable
   */
  Checkpoint open(Path path, LoadListener listener);

  /**
   * Opens a checkpoint to look at. Checks what {@link #open} checks, but need not read the weights
   * for it: their digest may be computed when {@link Checkpoint#digest} is called first, on the
   * thread that calls, as long as the checkpoint is open.
   *
   * @param path a file or folder
   * @return the checkpoint, which the caller closes
   * @throws CheckpointException when it is damaged, incomplete or unreadable
   */
  default Checkpoint inspect(Path path) {
    return open(path, LoadListener.NONE);
  }
}
