package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.LoadListener;
import dev.serval.api.ServalException;
import dev.serval.api.batching.Engine;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.cache.KvCache;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.ComputeBackendProvider;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.model.ModelExecutor;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.TextCodec;
import dev.serval.api.placement.ModelDemand;
import dev.serval.api.placement.Placement;
import dev.serval.api.placement.PlacementException;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.batching.ContinuousBatchingEngine;
import dev.serval.batching.EngineOptions;
import dev.serval.cache.PagedKvCache;
import dev.serval.runtime.generation.GenerationEnvironment;
import dev.serval.runtime.generation.GenerationListener;
import dev.serval.runtime.generation.RequestPreparation;
import dev.serval.runtime.generation.TracedGenerations;
import dev.serval.runtime.metrics.ModelMeters;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/*
 * Puts one model together, each part from those before it:
 *
 *   path ─ reader ─▶ checkpoint ─ family ─▶ spec ─ placement ─▶ device ─ provider ─▶ backend
 *                        │                    │                                        │
 *                        └─ codec reader ─▶ codec         KV size ─▶ KV memory ─ family ─▶ executor
 *                                                                                      │
 *                                                                    KV cache, policies ─▶ engine
 *
 * Whatever holds a thread, a mapping or memory is remembered as soon as it is there, so that it is
 * closed in the opposite order: engine, backend, memory, codec, checkpoint. What comes before the
 * placement belongs to the runtime; what comes after it to the model's home, which it leaves when
 * the device is lost or another one is back.
 */
/** Puts the models of a runtime together. */
final class ModelAssembly {
  private final RuntimeOptions options;
  private final OpenedParts opened;
  private final NativeMemory memory;
  private final DeviceInventory devices;

  ModelAssembly(
      RuntimeOptions options, OpenedParts opened, NativeMemory memory, DeviceInventory devices) {
    this.options = options;
    this.opened = opened;
    this.memory = memory;
    this.devices = devices;
  }

  /**
   * Puts a model together.
   *
   * @param source what is to be served
   * @param meters measure it, or null
   */
  Deployment assemble(ModelSource source, @Nullable ModelMeters meters) {
    LoadedModel.Stored stored = read(source);
    EngineListener steps = meters == null ? EngineListener.NONE : meters.engine();
    Residence first = settle(stored, Map.of(), options.loadListener(), steps);
    return opened.opened(new Deployment(this, stored, meters, first));
  }

  /** A model as it is served from its home. */
  LoadedModel loaded(
      LoadedModel.Stored stored, Home home, Engine engine, @Nullable ModelMeters meters) {
    return new LoadedModel(
        stored,
        home.placed(),
        home.computing(),
        new RequestPreparation(
            stored.name(),
            stored.codec(),
            stored.spec().vocabulary(),
            engine.maxSequenceTokens(),
            options.seeds()),
        new GenerationEnvironment(
            engine,
            stored.codec(),
            options.nanoClock(),
            options.delivery(),
            options.streamBuffer(),
            new TracedGenerations(
                stored.name(),
                options.tracer(),
                meters == null ? GenerationListener.NONE : meters)));
  }

  RuntimeOptions options() {
    return options;
  }

  private LoadedModel.Stored read(ModelSource source) {
    CheckpointReader reader = options.parts().reader(source.path()).orElseThrow();
    Checkpoint checkpoint = opened.opened(reader.open(source.path(), options.loadListener()));
    ModelFamily family = options.parts().family(checkpoint);
    ModelSpec spec = family.inspect(checkpoint);
    TextCodec codec = opened.opened(options.parts().textCodec(checkpoint));
    int context = Math.min(spec.contextLength(), source.contextLength().orElse(Integer.MAX_VALUE));
    return new LoadedModel.Stored(source.servedNames(), context, checkpoint, family, spec, codec);
  }

  /**
   * Places and loads a model; where a GPU fails at that, elsewhere if the preference leaves it.
   *
   * @param stored the model
   * @param avoided devices that are no candidates, by their ids, with what is said of them
   * @param listener hears how far it has come
   * @param steps hears what its engine does
   * @return the model where it is, warmed up
   */
  Residence settle(
      LoadedModel.Stored stored,
      Map<String, String> avoided,
      LoadListener listener,
      EngineListener steps) {
    Map<String, String> failed = new LinkedHashMap<>(avoided);
    while (true) {
      LoadedModel.Placed placed =
          place(stored, device -> !failed.containsKey(device.id()), reasons(failed));
      Device device = placed.placement().device();
      try {
        return moveIn(stored, load(stored, placed, listener), listener, steps);
      } catch (ServalException e) {
        if (device.kind() == DeviceKind.CPU
            || options.device() instanceof DevicePreference.Require) {
          throw e;
        }
        failed.put(device.id(), device.id() + " was tried: " + e.getMessage());
      }
    }
  }

  /**
   * Loads a model on a device where it was before, or fails.
   *
   * @param stored the model
   * @param device the device
   * @param steps hears what its engine does
   * @return the model where it is, warmed up
   */
  Residence settleAgain(LoadedModel.Stored stored, String device, EngineListener steps) {
    LoadedModel.Placed placed =
        place(stored, each -> each.id().equals(device), "; it was lost and is well again");
    return moveIn(stored, load(stored, placed, LoadListener.NONE), LoadListener.NONE, steps);
  }

  private Residence moveIn(
      LoadedModel.Stored stored, Home home, LoadListener listener, EngineListener steps) {
    Residence residence = new Residence(home, why -> lose(home.device(), why.reason()));
    try {
      residence.begin(start(stored, home, residence.executor(), steps));
      if (options.warmUp().isPositive()) {
        int sequences = options.batch().limits().sequences();
        new WarmUp(options.nanoClock(), options.warmUp(), sequences, listener)
            .run(loaded(stored, home, residence.engine(), null));
      }
      return residence;
    } catch (RuntimeException | Error e) {
      residence.leaveAfter(e);
      throw e;
    }
  }

  /** A device was found lost. */
  private void lose(Device device, String reason) {
    devices.lose(device, reason);
  }

  /** Whether a device may be used as far as is known. */
  boolean isWell(String device) {
    return devices.trouble(devices.device(device)).isEmpty();
  }

  private synchronized void giveBack(LoadedModel.Placed placed) {
    devices.giveBack(placed.placement().device(), placed.total());
  }

  private synchronized LoadedModel.Placed place(
      LoadedModel.Stored stored, Predicate<Device> wanted, String remark) {
    KvLayout layout = options.kv().layout(stored.spec());
    Bytes budget = options.kv().budget();
    Bytes leastKv = budget == null ? Bytes.of(layout.groups() * layout.blockBytes()) : budget;
    List<Device> candidates = devices.candidates(options.parts()).stream().filter(wanted).toList();
    Map<String, Bytes> known = new HashMap<>();
    ModelDemand demand =
        new ModelDemand(
            stored.name(),
            each -> known.computeIfAbsent(each.id(), id -> footprint(stored, each)),
            leastKv,
            options.device());
    Placement choice = choose(demand, candidates);
    requireCandidate(stored.name(), choice, candidates);
    Device device = devices.device(choice.device().id());
    Bytes weights = demand.weightsOn(device);
    KvOptions.Size kv =
        options
            .kv()
            .size(
                device.kind(),
                layout,
                stored.contextLength(),
                options.batch().limits(),
                free(device, weights));
    requireRoom(stored.name(), layout, kv);
    LoadedModel.Placed placed =
        new LoadedModel.Placed(
            new Placement(device, choice.reason() + remark), weights, layout, kv);
    devices.take(device, placed.total());
    return placed;
  }

  /**
   * What weights leave free of a device's memory, and of the host's budget if they leave any of it:
   * if not, loading them is refused.
   */
  private Bytes free(Device device, Bytes weights) {
    long ofDevice = devices.free(device).count() - weights.count();
    long ofBudget = memory.limit().count() - memory.used().count() - weights.count();
    boolean bounded = device.kind() == DeviceKind.CPU && ofBudget > 0;
    return Bytes.of(Math.max(0, bounded ? Math.min(ofDevice, ofBudget) : ofDevice));
  }

  /** What a model's weights would take on a device. */
  private Bytes footprint(LoadedModel.Stored stored, Device device) {
    ComputeBackendProvider provider = options.parts().backend(device).orElseThrow();
    return provider.footprint(device, how(device), stored.family().weights(stored.checkpoint()));
  }

  private ComputeOptions how(Device device) {
    return new ComputeOptions(threads(device), options.kernels(), options.pinThreads());
  }

  private static String reasons(Map<String, String> failed) {
    return failed.values().stream().map(failure -> "; " + failure).collect(Collectors.joining());
  }

  private Placement choose(ModelDemand demand, List<Device> candidates) {
    try {
      return options.parts().placement().place(demand, candidates);
    } catch (PlacementException e) {
      throw new PlacementException(e.getMessage() + "; looked for " + devices.search(), e);
    }
  }

  private static void requireCandidate(String model, Placement choice, List<Device> candidates) {
    if (candidates.stream().noneMatch(d -> d.id().equals(choice.device().id()))) {
      throw new PlacementException(
          "the placement policy put model '%s' on %s, which is none of its candidates %s"
              .formatted(model, choice.device().id(), Parts.list(candidates, Device::id)));
    }
  }

  /** A token of the prompt and one of the completion are the least that a cache must hold. */
  private static void requireRoom(String model, KvLayout layout, KvOptions.Size kv) {
    int least = layout.blocksFor(2);
    if (kv.blocks() < least) {
      throw new ConfigurationException(
          List.of(
              "kvBudget: model '%s' needs at least %s of KV, %d x %s for a block of %d tokens; it would have %s, %s"
                  .formatted(
                      model,
                      Bytes.of(least * layout.blockBytes()),
                      least,
                      Bytes.of(layout.blockBytes()),
                      layout.blockTokens(),
                      Bytes.of(kv.blocks() * layout.blockBytes()),
                      kv.reason())));
    }
  }

  private Home load(LoadedModel.Stored stored, LoadedModel.Placed placed, LoadListener listener) {
    OpenedParts ofHome = new OpenedParts();
    ofHome.opened(() -> giveBack(placed));
    try {
      return new Home(placed, load(stored, placed, ofHome, listener), ofHome);
    } catch (RuntimeException | Error e) {
      ofHome.closeAfter(e);
      throw e;
    }
  }

  private LoadedModel.Computing load(
      LoadedModel.Stored stored,
      LoadedModel.Placed placed,
      OpenedParts ofHome,
      LoadListener listener) {
    NativeMemory modelMemory = ofHome.opened(memory.child(stored.name()));
    Device device = placed.placement().device();
    ComputeBackendProvider provider = options.parts().backend(device).orElseThrow();
    ComputeBackend backend =
        ofHome.opened(provider.open(device, how(device), modelMemory.child("engine")));
    KvMemory kv = backend.kvMemory(placed.layout(), placed.kv().blocks());
    KvSwap swap = backend.kvSwap(kv, options.kv().swapSlots(placed.layout()));
    long before = modelMemory.used().count();
    ModelExecutor executor =
        stored.family().load(stored.checkpoint(), backend, kv, options.batch().limits(), listener);
    long copied = modelMemory.used().count() - before;
    Bytes mapped =
        device.kind() == DeviceKind.CPU
            ? Bytes.of(Math.max(0, placed.weights().count() - copied))
            : Bytes.ZERO;
    modelMemory.account(mapped);
    return new LoadedModel.Computing(executor, backend.description(), mapped, swap);
  }

  private int threads(Device device) {
    Integer configured = options.threads();
    if (configured != null) {
      return configured;
    }
    String cores = device.attributes().getOrDefault("cores", "");
    return cores.matches("[1-9]\\d{0,3}")
        ? Integer.parseInt(cores)
        : Runtime.getRuntime().availableProcessors();
  }

  /** Starts the engine of a home. */
  private Engine start(
      LoadedModel.Stored stored, Home home, ModelExecutor executor, EngineListener listener) {
    KvCache cache =
        new PagedKvCache(
            home.placed().layout(),
            home.placed().kv().blocks(),
            stored.checkpoint().digest(),
            executor.numerics(),
            options.kv().reuse(),
            home.computing().swap(),
            home.placed().reach(options.batch().limits()));
    EngineOptions engine =
        new EngineOptions(
            options.name() + "-" + stored.name(),
            executor,
            cache,
            options.batch().limits(),
            stored.contextLength(),
            options.batch().policies(),
            listener,
            options.nanoClock(),
            Thread.ofPlatform().daemon().factory());
    return ContinuousBatchingEngine.start(engine);
  }
}
