package dev.serval.command;

import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.command.inspect.LoadedSizes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** The checkpoints that can be read here, and what could run them. */
final class StoredModels {
  private final List<CheckpointReader> readers =
      services(ServiceLoader.load(CheckpointReader.class));
  private final List<ModelFamily> families = services(ServiceLoader.load(ModelFamily.class));

  private static <T> List<T> services(ServiceLoader<T> loader) {
    return loader.stream().map(ServiceLoader.Provider::get).toList();
  }

  List<ModelFamily> families() {
    return families;
  }

  /** Sizes on the devices that are found here. */
  LoadedSizes sizes() {
    return new LoadedSizes(
        services(ServiceLoader.load(DeviceProvider.class)).stream()
            .flatMap(provider -> provider.discover().devices().stream())
            .toList(),
        services(ServiceLoader.load(ComputeBackendProvider.class)));
  }

  /** Opens a checkpoint to look at. */
  Checkpoint inspect(Path path) {
    if (!Files.exists(path)) {
      throw new CommandException("there is nothing at " + path);
    }
    return readers.stream()
        .filter(reader -> reader.recognises(path))
        .findFirst()
        .orElseThrow(() -> unreadable(path))
        .inspect(path);
  }

  private CommandException unreadable(Path path) {
    return new CommandException(
        "%s is in no known format; there is %s"
            .formatted(
                path,
                readers.stream().map(CheckpointReader::format).collect(Collectors.joining(", "))));
  }

  /** The family that runs a checkpoint. */
  ModelFamily family(Checkpoint checkpoint) {
    return families.stream()
        .filter(family ->
            checkpoint.config().get("architectures") instanceof List<?> names
                && names.stream().anyMatch(family.architectures()::contains))
        .findFirst()
        .orElseThrow(() -> unknown(checkpoint));
  }

  private CommandException unknown(Checkpoint checkpoint) {
    return new CommandException(
        "no model family runs %s, of architectures %s; there is %s"
            .formatted(
                checkpoint.root(),
                checkpoint.config().get("architectures"),
                families.stream()
                    .flatMap(family -> family.architectures().stream())
                    .sorted()
                    .distinct()
                    .collect(Collectors.joining(", "))));
  }
}
