package dev.serval.models.family;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import dev.serval.api.LoadListener;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.model.StepLimits;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.InstalledFamilies;
import dev.serval.testkit.models.SmallModel;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The weights that a family names beforehand are those that it loads. */
final class LoadedWeightsTest {
  private static final SmallModel.Sizes SIZES = new SmallModel.Sizes(40, 32, 48, 2, 4, 2, 8);

  static Stream<SmallModel> models() {
    SmallModel.Extras biases = SmallModel.Extras.NONE.biases(true, false, false);
    SmallModel.Extras norms = SmallModel.Extras.NONE.with(SmallModel.Extras.HeadNorms.EACH);
    return Stream.of(
        model("LlamaForCausalLM", SmallModel.Extras.NONE),
        model("LlamaForCausalLM", SmallModel.Extras.NONE).tied(),
        model("Qwen2ForCausalLM", biases),
        model("Qwen3ForCausalLM", norms).tied(),
        ExpertRefusalTest.glm4Moe());
  }

  private static SmallModel model(String architecture, SmallModel.Extras biases) {
    return SmallModel.of(architecture, 7, DType.BF16, SIZES, biases);
  }

  private static List<String> names(List<StoredTensor> weight) {
    return weight.stream().map(StoredTensor::name).toList();
  }

  @ParameterizedTest
  @MethodSource("models")
  void what_is_named_is_what_is_loaded(SmallModel model) {
    ModelFamily family = InstalledFamilies.of(model);
    List<List<String>> loaded = new ArrayList<>();
    try (NativeMemory memory = NativeMemory.root("test", Bytes.mebi(64));
        ComputeBackend backend = new CpuBackendProvider().open(ModelRun.CPU, 1, memory)) {
      KvMemory kv = backend.kvMemory(family.inspect(model).kvLayout(16, DType.F32), 2);
      family.load(model, noting(backend, loaded), kv, new StepLimits(8, 2), LoadListener.NONE);
    }
    assertThat(family.weights(model).stream().map(LoadedWeightsTest::names))
        .containsExactlyInAnyOrderElementsOf(loaded);
    assertThat(loaded.stream().flatMap(List::stream))
        .containsExactlyInAnyOrderElementsOf(model.tensorNames());
  }

  static Stream<SmallModel> modelsOfParts() {
    String names = "block_sparse_moe.";
    return Stream.of(
        withExperts("MixtralForCausalLM", "gate"),
        withExperts("GraniteMoeForCausalLM", "router.layer")
            .expertsTogether(names + "input_linear", names + "output_linear"),
        ExpertRefusalTest.gptOss(),
        LatentRefusalTest.deepseekV3(),
        LatentRefusalTest.deepseekV2());
  }

  private static SmallModel withExperts(String architecture, String router) {
    Experts experts =
        new Experts(3, 2, 16, true, false, Experts.Names.mixtral(router), Experts.Beside.NOTHING);
    return model(architecture, SmallModel.Extras.NONE)
        .withExperts(experts)
        .with("num_local_experts", (long) experts.count())
        .with("intermediate_size", (long) experts.inner());
  }

  @ParameterizedTest
  @MethodSource({"models", "modelsOfParts"})
  void loading_is_done_when_all_is_loaded_and_not_before(SmallModel model) {
    ModelFamily family = InstalledFamilies.of(model);
    List<Long> left = new ArrayList<>();
    try (NativeMemory memory = NativeMemory.root("test", Bytes.mebi(64));
        ComputeBackend backend = new CpuBackendProvider().open(ModelRun.CPU, 1, memory)) {
      KvMemory kv = backend.kvMemory(family.inspect(model).kvLayout(16, DType.F32), 2);
      StepLimits limits = new StepLimits(8, 2);
      family.load(model, backend, kv, limits, (stage, done, total) -> left.add(total - done));
    }
    assertThat(left).isSortedAccordingTo(Comparator.reverseOrder()).doesNotHaveDuplicates();
    assertThat(left).last().isEqualTo(0L);
  }

  /** A backend that notes the names of what it is to load. */
  private static ComputeBackend noting(ComputeBackend backend, List<List<String>> loaded) {
    return (ComputeBackend)
        Proxy.newProxyInstance(
            LoadedWeightsTest.class.getClassLoader(),
            new Class<?>[] {ComputeBackend.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("load")) {
                List<?> parts = (List<?>) arguments[0];
                loaded.add(parts.stream().map(part -> ((StoredTensor) part).name()).toList());
              }
              try {
                return method.invoke(backend, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
