package dev.serval.storage;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.storage.checkpoint.Digesting;
import dev.serval.storage.gguf.GgufFile;
import java.nio.file.Path;

/**
 * Opens <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF</a> files, version
 * 2 and 3, little-endian: weights, configuration, tokenizer and chat template in one file.
 *
 * <p><b>What is opened.</b> A file of whatever name that begins with {@code GGUF}; the first of
 * several that make up a model, {@code NAME-00001-of-00003.gguf}, with the others beside it; or a
 * folder with one model and no {@code config.json}. An architecture that is not known is refused
 * with the names of those that are; tokenizers are of the kinds {@code gpt2} and {@code llama}.
 *
 * <p><b>What comes out.</b> Names and configuration as Hugging Face has them. Where the file's rows
 * of queries and keys are ordered for turning neighbours, as in {@code llama} files, the
 * configuration has {@code rope_interleaved}; rotary speeds that the file divides by numbers of its
 * own are a {@code rope_scaling} of type {@code divisors}. {@code tokenizer.json} and {@code
 * tokenizer_config.json} are written from the file's vocabulary.
 *
 * <p><b>What is checked.</b> Everything but the numbers: tensors lie one after the other in the
 * order of their entries and end with their file; keys, tensors and tokens are there once; texts
 * are UTF-8; values have the types they must have; what would change results and is not supported
 * is refused by its key. The vocabulary's inner consistency is checked when a text is asked for.
 *
 * <p><b>Memory.</b> The file is mapped read-only, and nothing of weights and vocabulary is copied.
 * It must not change while it is open; see {@link SafetensorsReader}, which this reader is like in
 * that and in how it computes the digest.
 */
public final class GgufReader implements CheckpointReader {
  private final int threads;

  /** Reads with as many threads as there are processors. */
  public GgufReader() {
    this(Runtime.getRuntime().availableProcessors());
  }

  /**
   * Reads with this many threads.
   *
   * @param threads how many, the caller's included; at least 1
   */
  public GgufReader(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("reading takes at least 1 thread, not " + threads);
    }
    this.threads = threads;
  }

  @Override
  public String format() {
    return GgufFile.FORMAT;
  }

  @Override
  public boolean recognises(Path path) {
    return GgufFile.recognises(path);
  }

  /**
   * Opens and checks a checkpoint.
   *
   * @param path a GGUF file, the first of several, or a folder with one model
   * @param listener hears on the calling thread how many bytes have been read
   * @return the checkpoint, which the caller closes
   * @throws CheckpointException when it is damaged, incomplete or unreadable, naming the file, the
   *     tensor or key, what was found and what is allowed
   */
  @Override
  public Checkpoint open(Path path, LoadListener listener) {
    return GgufFile.open(path, Digesting.atOnce(threads, listener));
  }

  @Override
  public Checkpoint inspect(Path path) {
    return GgufFile.open(path, Digesting.onDemand(threads));
  }
}
