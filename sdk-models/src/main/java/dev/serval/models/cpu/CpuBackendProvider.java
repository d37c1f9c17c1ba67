package dev.serval.models.cpu;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.crew.ThreadPlaces;
import dev.serval.models.cpu.generated.GeneratedTierSource;
import dev.serval.models.cpu.linear.WeightLoader;
import dev.serval.models.cpu.plain.PlainTierSource;
import dev.serval.models.cpu.system.Processor;
import dev.serval.models.cpu.tier.KernelChoice;
import dev.serval.models.cpu.tier.KernelTierSource;
import dev.serval.models.cpu.vector.VectorTierSource;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/** Opens backends on processors. */
public final class CpuBackendProvider implements ComputeBackendProvider {
  private static final Logger LOGGER = System.getLogger(CpuBackendProvider.class.getName());

  private final AtomicBoolean warned = new AtomicBoolean();
  private final List<KernelTierSource> tiers;
  private final Processor processor;

  /** For the service loader. */
  public CpuBackendProvider() {
    this(Processor.here());
  }

  private CpuBackendProvider(Processor processor) {
    this(tiers(processor), processor);
  }

  /**
   * With some tiers, as if on some processor.
   *
   * @param tiers the fastest first
   * @param processor what it can do
   */
  public CpuBackendProvider(List<KernelTierSource> tiers, Processor processor) {
    this.tiers = tiers;
    this.processor = processor;
  }

  private static List<KernelTierSource> tiers(Processor processor) {
    List<KernelTierSource> others = List.of(new VectorTierSource(processor), new PlainTierSource());
    List<KernelTierSource> all = new ArrayList<>();
    all.add(new GeneratedTierSource(others, processor));
    all.addAll(others);
    return all;
  }

  /** Says once that something quick to change makes a backend slow. */
  private void warn(KernelPreference wish) {
    if (!KernelChoice.allows(wish, KernelKind.VECTOR)) {
      return;
    }
    tiers.stream()
        .filter(tier -> tier.kind() == KernelKind.VECTOR)
        .flatMap(tier -> tier.missing(processor).stream())
        .filter(clause -> clause.contains("--add-modules") && !warned.getAndSet(true))
        .forEach(clause ->
            LOGGER.log(Level.WARNING, "{0}; without it models run many times slower", clause));
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public boolean supports(Device device) {
    return device.kind() == DeviceKind.CPU;
  }

  @Override
  public Bytes footprint(Device device, ComputeOptions options, List<List<StoredTensor>> weights) {
    KernelTierSource tier = KernelChoice.among(tiers, options.kernels(), processor).source();
    return Bytes.of(
        weights.stream()
            .mapToLong(parts -> WeightLoader.bytes(parts, tier::packedBytes))
            .reduce(0, Math::addExact));
  }

  @Override
  public ComputeBackend open(Device device, ComputeOptions options, NativeMemory memory) {
    if (!supports(device)) {
      throw new IllegalArgumentException(
          "the cpu backend runs on processors, not on %s, a %s"
              .formatted(device.id(), device.kind()));
    }
    KernelChoice choice = KernelChoice.among(tiers, options.kernels(), processor);
    warn(options.kernels());
    return new CpuBackend(device, memory, ThreadPlaces.of(options), choice);
  }
}
