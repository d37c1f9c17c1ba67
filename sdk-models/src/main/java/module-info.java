import org.jspecify.annotations.NullMarked;

/** Model families and what they need: the CPU backend, tokenizers, chat templates and sampling. */
@NullMarked
module dev.serval.models {
  requires transitive dev.serval.api;
  requires static transitive org.jspecify;
  requires ai.djl.tokenizers;
  requires jdk.incubator.vector;
  // An automatic module, so what it needs itself has to be named.
  requires com.fasterxml.jackson.databind;
  requires com.fasterxml.jackson.dataformat.yaml;
  requires com.fasterxml.jackson.datatype.jdk8;
  requires com.google.common;
  requires com.microsoft.onnxruntime;
  requires jinjava;
  requires org.apache.commons.lang3;
  requires tools.jackson.databind;

  exports dev.serval.models.onnx;
  exports dev.serval.models.text;

  provides dev.serval.api.compute.ComputeBackendProvider with
      dev.serval.models.cpu.CpuBackendProvider;
  provides dev.serval.api.model.EmbeddingModelReader with
      dev.serval.models.onnx.OnnxEmbeddingModelReader;
  provides dev.serval.api.model.ModelFamily with
      dev.serval.models.family.Afmoe,
      dev.serval.models.family.Arcee,
      dev.serval.models.family.BailingMoe,
      dev.serval.models.family.BailingMoe2,
      dev.serval.models.family.Cohere,
      dev.serval.models.family.Cohere2,
      dev.serval.models.family.DeepseekMoe,
      dev.serval.models.family.DeepseekV2,
      dev.serval.models.family.DeepseekV3,
      dev.serval.models.family.Dots1,
      dev.serval.models.family.Ernie45,
      dev.serval.models.family.Ernie45Moe,
      dev.serval.models.family.Exaone4,
      dev.serval.models.family.ExaoneMoe,
      dev.serval.models.family.Falcon,
      dev.serval.models.family.FalconH1,
      dev.serval.models.family.Gemma,
      dev.serval.models.family.Gemma2,
      dev.serval.models.family.Gemma3,
      dev.serval.models.family.Gemma3n,
      dev.serval.models.family.Gemma4,
      dev.serval.models.family.Glm,
      dev.serval.models.family.Glm4,
      dev.serval.models.family.Glm4Moe,
      dev.serval.models.family.Glm4MoeLite,
      dev.serval.models.family.Gpt2,
      dev.serval.models.family.GptBigCode,
      dev.serval.models.family.GptNeoX,
      dev.serval.models.family.GptOss,
      dev.serval.models.family.Granite,
      dev.serval.models.family.GraniteHybrid,
      dev.serval.models.family.GraniteMoe,
      dev.serval.models.family.HunyuanDense,
      dev.serval.models.family.HunyuanMoe,
      dev.serval.models.family.Jais2,
      dev.serval.models.family.Lfm2,
      dev.serval.models.family.Lfm2Moe,
      dev.serval.models.family.Llama,
      dev.serval.models.family.Llama4,
      dev.serval.models.family.Mellum,
      dev.serval.models.family.MiniCpm,
      dev.serval.models.family.MiniCpm3,
      dev.serval.models.family.MiniMaxM2,
      dev.serval.models.family.Ministral3,
      dev.serval.models.family.Mistral,
      dev.serval.models.family.Mixtral,
      dev.serval.models.family.Nemotron,
      dev.serval.models.family.NemotronH,
      dev.serval.models.family.Olmo2,
      dev.serval.models.family.Olmo3,
      dev.serval.models.family.OlmoE,
      dev.serval.models.family.Orion,
      dev.serval.models.family.PanguEmbedded,
      dev.serval.models.family.Phi,
      dev.serval.models.family.Phi3,
      dev.serval.models.family.Plm,
      dev.serval.models.family.Qwen2,
      dev.serval.models.family.Qwen2Moe,
      dev.serval.models.family.Qwen3,
      dev.serval.models.family.Qwen35,
      dev.serval.models.family.Qwen35Moe,
      dev.serval.models.family.Qwen3Moe,
      dev.serval.models.family.Qwen3Next,
      dev.serval.models.family.SeedOss,
      dev.serval.models.family.SmolLm3,
      dev.serval.models.family.StableLm,
      dev.serval.models.family.StarCoder2;
  provides dev.serval.api.model.TextCodecReader with
      dev.serval.models.text.HuggingFaceTextCodecReader;
}
