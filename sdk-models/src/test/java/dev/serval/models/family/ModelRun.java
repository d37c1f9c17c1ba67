package dev.serval.models.family;

import dev.serval.api.Bytes;
import dev.serval.api.compute.ComputeOptions;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.KernelKind;
import dev.serval.api.compute.KernelPreference;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.model.ModelFamily;
import dev.serval.api.storage.Checkpoint;
import dev.serval.models.cpu.CpuBackendProvider;
import dev.serval.testkit.models.SteppedModel;
import java.util.List;
import java.util.TreeMap;

/** A model on the CPU backend. */
final class ModelRun extends SteppedModel {
  static final List<ModelFamily> FAMILIES =
      List.of(
          new Arcee(),
          new Cohere(),
          new Cohere2(),
          new DeepseekV2(),
          new DeepseekV3(),
          new Dots1(),
          new Ernie45(),
          new Ernie45Moe(),
          new Exaone4(),
          new Falcon(),
          new FalconH1(),
          new Gemma(),
          new Gemma2(),
          new Gemma3(),
          new Gemma4(),
          new Glm(),
          new Glm4(),
          new Glm4Moe(),
          new Glm4MoeLite(),
          new Gpt2(),
          new GptBigCode(),
          new GptNeoX(),
          new GptOss(),
          new Granite(),
          new GraniteHybrid(),
          new GraniteMoe(),
          new HunyuanDense(),
          new HunyuanMoe(),
          new Lfm2(),
          new Lfm2Moe(),
          new Llama(),
          new Llama4(),
          new MiniCpm(),
          new MiniMaxM2(),
          new Ministral3(),
          new Mistral(),
          new Mixtral(),
          new Nemotron(),
          new NemotronH(),
          new Olmo2(),
          new Olmo3(),
          new OlmoE(),
          new Phi(),
          new Phi3(),
          new Qwen2(),
          new Qwen2Moe(),
          new Qwen3(),
          new Qwen35(),
          new Qwen35Moe(),
          new Qwen3Moe(),
          new Qwen3Next(),
          new SeedOss(),
          new SmolLm3(),
          new StableLm(),
          new StarCoder2());
  static final Device CPU =
      new Device("cpu:0", DeviceKind.CPU, "test", Bytes.gibi(2), new TreeMap<>());

  /** With kernels that do not round their inputs. */
  ModelRun(Checkpoint checkpoint, int threads) {
    this(checkpoint, threads, DType.F32, KernelPreference.without(KernelKind.GENERATED));
  }

  ModelRun(Checkpoint checkpoint, int threads, KernelKind kernels) {
    this(checkpoint, threads, DType.F32, KernelPreference.require(kernels));
  }

  ModelRun(Checkpoint checkpoint, int threads, DType kvType, KernelPreference kernels) {
    super(
        checkpoint,
        family(checkpoint),
        new CpuBackendProvider(),
        CPU,
        ComputeOptions.of(threads).withKernels(kernels),
        Setup.SMALL.keeping(kvType));
  }

  static ModelFamily family(Checkpoint checkpoint) {
    List<?> named = (List<?>) checkpoint.config().get("architectures");
    return FAMILIES.stream()
        .filter(family -> family.architectures().containsAll(named))
        .findFirst()
        .orElseThrow();
  }
}
