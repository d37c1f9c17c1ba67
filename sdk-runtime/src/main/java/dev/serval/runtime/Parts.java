package dev.serval.runtime;

import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceProvider;
import dev.serval.api.model.EmbeddingModelReader;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.TextCodec;
import dev.serval.api.model.TextCodecReader;
import dev.serval.api.placement.PlacementPolicy;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointException;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.scheduling.PlacementPolicies;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a runtime can be made of: in each list first the parts that were given, then those that
 * {@link ServiceLoader} finds.
 *
 * @param readers open checkpoints
 * @param families run models
 * @param textCodecs read tokenizers
 * @param backends compute
 * @param deviceProviders find devices
 * @param policies offer batching policies by name
 * @param embeddingReaders open embedding models
 * @param placement chooses among devices
 */
record Parts(
    List<CheckpointReader> readers,
    List<ModelFamily> families,
    List<TextCodecReader> textCodecs,
    List<ComputeBackendProvider> backends,
    List<DeviceProvider> deviceProviders,
    List<PolicyProvider> policies,
    List<EmbeddingModelReader> embeddingReaders,
    PlacementPolicy placement) {

  static Parts conclude(ServingRuntimeBuilder b, Problems problems) {
    Search search = new Search(b.services, problems);
    return new Parts(
        search.all("reader", b.readers, () -> ServiceLoader.load(CheckpointReader.class)),
        search.all("family", b.families, () -> ServiceLoader.load(ModelFamily.class)),
        search.all("textCodec", b.textCodecs, () -> ServiceLoader.load(TextCodecReader.class)),
        search.all("backend", b.backends, () -> ServiceLoader.load(ComputeBackendProvider.class)),
        search.all(
            "deviceProvider", b.deviceProviders, () -> ServiceLoader.load(DeviceProvider.class)),
        search.all(
            "policyProvider", b.policyProviders, () -> ServiceLoader.load(PolicyProvider.class)),
        search.all(
            "embeddingReader",
            b.embeddingReaders,
            () -> ServiceLoader.load(EmbeddingModelReader.class)),
        b.placement == null ? PlacementPolicies.mostFreeMemory() : b.placement);
  }

  /** The reader that knows what lies at a path. */
  Optional<CheckpointReader> reader(Path path) {
    return readers.stream().filter(reader -> reader.recognises(path)).findFirst();
  }

  /** The reader that knows what embedding model lies at a path. */
  Optional<EmbeddingModelReader> embeddingReader(Path path) {
    return embeddingReaders.stream().filter(reader -> reader.recognises(path)).findFirst();
  }

  /** The backend that runs on a device. */
  Optional<ComputeBackendProvider> backend(Device device) {
    return backends.stream().filter(backend -> backend.supports(device)).findFirst();
  }

  /** The family that runs a checkpoint. */
  ModelFamily family(Checkpoint checkpoint) {
    List<?> wanted =
        checkpoint.config().get("architectures") instanceof List<?> names ? names : List.of();
    return families.stream()
        .filter(family -> wanted.stream().anyMatch(family.architectures()::contains))
        .findFirst()
        .orElseThrow(() -> noFamily(checkpoint, wanted));
  }

  private CheckpointException noFamily(Checkpoint checkpoint, List<?> wanted) {
    List<String> known =
        families.stream().flatMap(f -> f.architectures().stream()).sorted().distinct().toList();
    return new CheckpointException(
        "%s: no model family runs %s; there is %s"
            .formatted(
                checkpoint.root(),
                wanted.isEmpty() ? "a model without 'architectures'" : "architectures " + wanted,
                list(known, name -> name)));
  }

  /** The codec by the first reader that can read it. */
  TextCodec textCodec(Checkpoint checkpoint) {
    CheckpointException refusal =
        new CheckpointException(checkpoint.root() + ": there is no reader of tokenizers");
    for (int i = 0; i < textCodecs.size(); i++) {
      try {
        return textCodecs.get(i).read(checkpoint);
      } catch (CheckpointException e) {
        if (i > 0) {
          e.addSuppressed(refusal);
        }
        refusal = e;
      }
    }
    throw refusal;
  }

  /** The names of what there is, for a message. */
  static <T> String list(Collection<T> parts, Function<? super T, String> name) {
    return parts.isEmpty()
        ? "none at all"
        : parts.stream().map(name).collect(Collectors.joining(", "));
  }

  private record Search(boolean services, Problems problems) {
    <T> List<T> all(String option, List<T> given, Supplier<ServiceLoader<T>> loader) {
      Stream<T> found = services ? found(option, loader).stream() : Stream.empty();
      return Stream.concat(given.stream(), found).toList();
    }

    private <T> List<T> found(String option, Supplier<ServiceLoader<T>> loader) {
      try {
        return loader.get().stream().map(ServiceLoader.Provider::get).toList();
      } catch (ServiceConfigurationError e) {
        problems.add(
            option, "a part that is offered as a service cannot be used: " + e.getMessage());
        return List.of();
      }
    }
  }
}
