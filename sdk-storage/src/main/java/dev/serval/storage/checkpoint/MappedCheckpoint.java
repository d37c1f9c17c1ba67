package dev.serval.storage.checkpoint;

import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.StoredTensor;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.function.Supplier;

/**
 * A checkpoint whose reader has checked it all. What needs no file (names, configuration, digest)
 * may be asked for even after closing.
 */
public final class MappedCheckpoint implements Checkpoint {
  private final String root;
  private final String format;
  private final MappedFolder folder;
  private final Supplier<ArtefactDigest> digest;
  private final Map<String, Object> config;
  private final TensorTable tensors;
  private final Map<String, Supplier<String>> texts;

  /**
   * Of parts that fit together.
   *
   * @param root where it was opened
   * @param format its format's name
   * @param folder owns all mappings; closed with the checkpoint
   * @param digest gives the digest over all files
   * @param config the configuration, unmodifiable
   * @param tensors the tensors, views into the folder's mappings
   * @param texts how to make each text, by name
   */
  public MappedCheckpoint(
      String root,
      String format,
      MappedFolder folder,
      Supplier<ArtefactDigest> digest,
      Map<String, Object> config,
      TensorTable tensors,
      Map<String, Supplier<String>> texts) {
    this.root = root;
    this.format = format;
    this.folder = folder;
    this.digest = digest;
    this.config = config;
    this.tensors = tensors;
    this.texts = Map.copyOf(texts);
  }

  @Override
  public String root() {
    return root;
  }

  @Override
  public String format() {
    return format;
  }

  @Override
  public ArtefactDigest digest() {
    return digest.get();
  }

  @Override
  public Map<String, Object> config() {
    return config;
  }

  @Override
  public SortedSet<String> tensorNames() {
    return tensors.names();
  }

  @Override
  public StoredTensor tensor(String name) {
    requireOpen();
    return tensors.tensor(name);
  }

  @Override
  public Optional<String> text(String name) {
    requireOpen();
    return Optional.ofNullable(texts.get(name)).map(Supplier::get);
  }

  @Override
  public void release() {
    requireOpen();
    folder.release();
  }

  private void requireOpen() {
    if (!folder.isOpen()) {
      throw new IllegalStateException("the checkpoint " + root + " is closed");
    }
  }

  @Override
  public void close() {
    folder.close();
  }

  @Override
  public String toString() {
    return format + " checkpoint " + root;
  }
}
