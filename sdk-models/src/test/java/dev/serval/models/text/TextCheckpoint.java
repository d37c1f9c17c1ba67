package dev.serval.models.text;

import dev.serval.api.storage.ArtefactDigest;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.StoredTensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;

/** A checkpoint without tensors, of files that a test spells out. */
record TextCheckpoint(Map<String, Object> config, Map<String, String> texts) implements Checkpoint {
  static TextCheckpoint of(String name, String text) {
    return new TextCheckpoint(Map.of(), Map.of(name, text));
  }

  /** The text files of a folder, with no configuration. */
  static TextCheckpoint in(Path folder) {
    TextCheckpoint checkpoint = new TextCheckpoint(Map.of(), Map.of());
    for (String name :
        new String[] {"tokenizer.json", "tokenizer_config.json", "generation_config.json"}) {
      if (Files.exists(folder.resolve(name))) {
        checkpoint = checkpoint.with(name, read(folder.resolve(name)));
      }
    }
    return checkpoint;
  }

  TextCheckpoint with(String name, String text) {
    Map<String, String> more = new HashMap<>(texts);
    more.put(name, text);
    return new TextCheckpoint(config, more);
  }

  TextCheckpoint with(Map<String, Object> fields) {
    return new TextCheckpoint(fields, texts);
  }

  @Override
  public Optional<String> text(String name) {
    return Optional.ofNullable(texts.get(name));
  }

  @Override
  public String root() {
    return "models/heron";
  }

  @Override
  public String format() {
    return "text";
  }

  @Override
  public ArtefactDigest digest() {
    return ArtefactDigest.of(new byte[ArtefactDigest.LENGTH]);
  }

  @Override
  public SortedSet<String> tensorNames() {
    return Collections.emptySortedSet();
  }

  @Override
  public StoredTensor tensor(String name) {
    throw new CheckpointException("no tensor " + name);
  }

  @Override
  public void close() {}

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
