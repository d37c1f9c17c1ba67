package dev.serval.runtime;

import dev.serval.api.Bytes;
import dev.serval.api.RuntimeDescription;
import dev.serval.api.RuntimeDescription.Entry;
import dev.serval.api.RuntimeDescription.Section;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceProvider.Discovery;
import dev.serval.api.model.ModelSpec;
import dev.serval.api.model.StepLimits;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A runtime on one screen. Nothing on it depends on when or by which way the runtime was assembled.
 *
 * @param options what was asked
 * @param devices what was found
 * @param memory the bound on native memory
 * @param models what was put together to generate
 * @param embeddings what was put together to embed
 */
record Screen(
    RuntimeOptions options,
    DeviceInventory devices,
    Bytes memory,
    List<LoadedModel> models,
    List<LoadedEmbeddings> embeddings) {

  RuntimeDescription description() {
    Stream<Section> generating =
        Stream.of(
            new Section("devices", devicesFound()),
            ofModels("models", Screen::model),
            ofModels("placement", Screen::placement),
            ofModels("compute", Screen::compute),
            new Section("memory", memoryUse()),
            new Section("batching", batching()),
            ofModels("cache", this::cache));
    List<Entry> embedding = embeddings.stream().flatMap(LoadedEmbeddings::entries).toList();
    return new RuntimeDescription(
        Stream.concat(generating, Stream.of(new Section("embeddings", embedding)))
            .filter(section -> !section.entries().isEmpty())
            .toList());
  }

  private Section ofModels(String title, Function<LoadedModel, Entry> entry) {
    return new Section(title, models.stream().map(entry).toList());
  }

  private List<Entry> devicesFound() {
    return devices.findings().entrySet().stream().map(this::finding).toList();
  }

  private Entry finding(Map.Entry<String, Discovery> finding) {
    return new Entry(
        finding.getKey(),
        Parts.list(finding.getValue().devices(), this::device),
        finding.getValue().finding());
  }

  private String device(Device device) {
    String trouble = devices.trouble(device).map(reason -> ", not used: " + reason).orElse("");
    return device.id() + " " + device.name() + ", " + device.memory() + trouble;
  }

  private static Entry model(LoadedModel model) {
    ModelSpec spec = model.stored().spec();
    return new Entry(
        String.join(", ", model.stored().names()),
        "%s, %s parameters%s, context of %d tokens, sha256 %s, %s at %s"
            .formatted(
                spec.family(),
                count(spec.parameters()),
                experts(spec),
                model.contextLength(),
                model.stored().checkpoint().digest().toString().substring(0, 12),
                model.stored().checkpoint().format(),
                model.stored().checkpoint().root()),
        context(model));
  }

  private static String experts(ModelSpec spec) {
    return spec.experts() == 1
        ? ""
        : ", %d of %d experts".formatted(spec.expertsUsed(), spec.experts());
  }

  private static String context(LoadedModel model) {
    int served = model.contextLength();
    int made = model.stored().spec().contextLength();
    if (served == made) {
      return "";
    }
    return served < model.stored().contextLength()
        ? "made for " + made + " tokens; the KV cache holds " + served
        : "made for " + made + " tokens; limited by configuration";
  }

  private static Entry placement(LoadedModel model) {
    return new Entry(
        model.name(),
        model.placed().placement().device().id(),
        model.placed().placement().reason());
  }

  private static Entry compute(LoadedModel model) {
    return new Entry(
        model.name(),
        model.computing().backend()
            + ", numerics "
            + model.computing().executor().numerics().value(),
        "");
  }

  private List<Entry> memoryUse() {
    Entry budget =
        new Entry(
            "budget",
            memory.count() == Long.MAX_VALUE ? "unbounded" : memory.toString(),
            options.nativeMemory() == null ? "the memory of the devices found" : "as configured");
    Stream<Entry> owned =
        Stream.concat(
            models.stream().flatMap(Screen::memory),
            embeddings.stream().map(LoadedEmbeddings::memory));
    return Stream.concat(Stream.of(budget), owned).toList();
  }

  private static Stream<Entry> memory(LoadedModel model) {
    Bytes mapped = model.computing().mapped();
    KvLayout layout = model.placed().layout();
    int blocks = model.placed().kv().blocks();
    Bytes weights = model.placed().weights();
    String stored = model.stored().spec().weights().toString();
    String remark =
        mapped.count() > 0
            ? mapped + " of them used where the file is mapped"
            : stored.equals(weights.toString()) ? "" : stored + " in the file";
    return Stream.of(
        new Entry(model.name() + " weights", weights.toString(), remark),
        new Entry(
            model.name() + " KV",
            "%s, %d blocks of %d tokens%s in %s%s"
                .formatted(
                    model.placed().kvBytes(),
                    blocks,
                    layout.blockTokens(),
                    layout.groups() == 1
                        ? ""
                        : " for each of %d groups of layers".formatted(layout.groups()),
                    layout.dtype(),
                    layout.states().layers() == 0
                        ? ""
                        : ", with states of "
                            + Bytes.of(layout.states().sequenceBytes())
                            + " for a sequence"),
            model.placed().kv().reason()));
  }

  private List<Entry> batching() {
    if (models.isEmpty()) {
      return List.of();
    }
    StepLimits limits = options.batch().limits();
    List<Entry> entries = new ArrayList<>();
    entries.add(
        new Entry(
            "step",
            "up to %d tokens of %d sequences".formatted(limits.tokens(), limits.sequences()),
            ""));
    entries.add(new Entry("admission", options.batch().admission(), ""));
    entries.add(new Entry("order", options.batch().order(), ""));
    entries.add(new Entry("chunks", options.batch().chunk(), ""));
    entries.add(new Entry("victim", options.batch().victim(), ""));
    entries.add(new Entry("drafts", options.batch().draft(), drafts()));
    return entries;
  }

  private String drafts() {
    int most = options.batch().limits().draftTokens();
    if (most == 0) {
      return "";
    }
    List<String> without =
        models.stream()
            .filter(model -> !model.computing().executor().verifiesDrafts())
            .map(LoadedModel::name)
            .toList();
    String of = without.isEmpty() ? "" : ", none of " + String.join(", ", without);
    return "up to %d tokens a step%s".formatted(most, of);
  }

  private Entry cache(LoadedModel model) {
    KvLayout layout = model.placed().layout();
    int tokens =
        layout
            .demand(model.placed().reach(options.batch().limits()))
            .longest(model.placed().kv().blocks(), Integer.MAX_VALUE);
    return new Entry(
        model.name(),
        "%d tokens%s, prefixes are %s"
            .formatted(tokens, windows(layout), options.kv().reuse() ? "found again" : "not kept"),
        swap(model));
  }

  private static String windows(KvLayout layout) {
    long windowed = IntStream.range(0, layout.groups()).filter(layout::isWindowed).count();
    return windowed == 0
        ? ""
        : " of one sequence, of which %d of %d groups of layers keep what a window leaves"
            .formatted(windowed, layout.groups());
  }

  private static String swap(LoadedModel model) {
    KvLayout layout = model.placed().layout();
    int slots = model.computing().swap().slots();
    long tokens = (long) (slots / layout.groups()) * layout.blockTokens();
    return tokens == 0 ? "" : "as many as " + tokens + " more are kept in the host's memory";
  }

  /** A large number for a person: {@code 2.8M}. */
  private static String count(long number) {
    if (number < 1000) {
      return Long.toString(number);
    }
    double value = number;
    int power = -1;
    for (; value >= 999.5; power++) {
      value /= 1000;
    }
    return String.format(Locale.ROOT, value < 99.5 ? "%.1f" : "%.0f", value) + "kMGT".charAt(power);
  }
}
