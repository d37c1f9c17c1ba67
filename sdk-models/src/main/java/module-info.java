import org.jspecify.annotations.NullMarked;

/** Model families and what they need: tokenizers, chat templates and sampling. */
@NullMarked
module dev.serval.models {
  requires transitive dev.serval.api;
  requires static transitive org.jspecify;
  requires ai.djl.tokenizers;
  requires tools.jackson.databind;

  exports dev.serval.models.text;

  provides dev.serval.api.model.TextCodecReader with
      dev.serval.models.text.HuggingFaceTextCodecReader;
}
