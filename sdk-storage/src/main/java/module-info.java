import org.jspecify.annotations.NullMarked;

/** Where models come from: readers of checkpoints as they lie in files. */
@NullMarked
module dev.serval.storage {
  requires transitive dev.serval.api;
  requires static transitive org.jspecify;
  requires tools.jackson.core;

  exports dev.serval.storage;

  provides dev.serval.api.storage.CheckpointReader with
      dev.serval.storage.GgufReader,
      dev.serval.storage.SafetensorsReader;
}
