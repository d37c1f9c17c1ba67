package dev.serval.storage;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.storage.checkpoint.Digesting;
import dev.serval.storage.safetensors.SafetensorsFolder;
import java.nio.file.Path;

/**
 * Opens Hugging Face folders: {@code config.json}, the weights in <a
 * href="https://github.com/huggingface/safetensors#format">safetensors</a> files, and the
 * tokenizer's files beside them.
 *
 * <p><b>What is opened.</b> A folder with {@code model.safetensors}, or else with {@code
 * model.safetensors.index.json} and the shards it lists; where both are there the single file
 * counts, as in Hugging Face's transformers. Or the path of one {@code .safetensors} file of
 * whatever name, which then stands for {@code model.safetensors} in its own folder.
 *
 * <p><b>Models for texts and images</b> (Gemma 3, Mistral Small 3, Ministral 3, Qwen 2-VL, 2.5-VL
 * and 3-VL, those with experts apart) are opened as the part for texts that they have: its
 * configuration and tensors, under the names of a model for texts.
 *
 * <p><b>What is checked.</b> Everything but the numbers: every byte of a weights file belongs to
 * its header or to exactly one tensor of the size that its type and shape demand; index and shards
 * name the same tensors; JSON has no duplicate names; texts are UTF-8. Headers and indexes may have
 * up to 100 MB, {@code config.json} 4 MiB, other texts 256 MiB. Tensors may be of any type the
 * format knows and are all listed, but only F32, F16 and BF16 can be {@linkplain Checkpoint#tensor
 * taken out}: a buffer of integers that no forward pass asks for harms nobody.
 *
 * <p><b>Memory.</b> Files are mapped read-only, and nothing of the weights is copied. Tensors begin
 * wherever the file puts them, at no alignment: read them with unaligned layouts.
 *
 * <p><b>Files must not change</b> while they are opened or open. A file that is cut short meanwhile
 * makes {@code open} fail with a {@link CheckpointException}; later, reading what is gone makes the
 * JVM throw an {@link InternalError}. Replacing a file by renaming another over it is harmless.
 *
 * <p>Opening reads every byte once, for the digest, with the given number of threads: the caller's
 * and helpers that have ended when it returns. Interrupting the caller ends it with an exception.
 */
public final class SafetensorsReader implements CheckpointReader {
  private final int threads;

  /** Reads with as many threads as there are processors. */
  public SafetensorsReader() {
    this(Runtime.getRuntime().availableProcessors());
  }

  /**
   * Reads with this many threads.
   *
   * @param threads how many, the caller's included; at least 1
   */
  public SafetensorsReader(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("reading takes at least 1 thread, not " + threads);
    }
    this.threads = threads;
  }

  @Override
  public String format() {
    return SafetensorsFolder.FORMAT;
  }

  @Override
  public boolean recognises(Path path) {
    return SafetensorsFolder.recognises(path);
  }

  /**
   * Opens and checks a checkpoint.
   *
   * @param path a folder, or a {@code .safetensors} file in one
   * @param listener hears on the calling thread how many bytes of all files have been read
   * @return the checkpoint, which the caller closes
   * @throws CheckpointException when it is damaged, incomplete or unreadable, naming the file, the
   *     tensor or field, what was found and what is allowed
   */
  @Override
  public Checkpoint open(Path path, LoadListener listener) {
    return SafetensorsFolder.open(path, Digesting.atOnce(threads, listener));
  }

  @Override
  public Checkpoint inspect(Path path) {
    return SafetensorsFolder.open(path, Digesting.onDemand(threads));
  }
}
