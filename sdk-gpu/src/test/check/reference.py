"""Draws a Llama with random weights on the GPU, writes it as a checkpoint, and has transformers run it.

usage: reference.py SHAPE FOLDER ANSWERS [--speed]

ANSWERS (JSON) holds prompts, the tokens that follow greedily with the likeliest tokens at each step, and with --speed the
tokens per second of batched generation, and what the device copies and multiplies in a second.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "small": dict(hidden_size=256, intermediate_size=640, num_hidden_layers=4, num_attention_heads=4,
                  num_key_value_heads=2, vocab_size=4096, tie_word_embeddings=False),
    "1b": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
               num_key_value_heads=8, vocab_size=128256, tie_word_embeddings=True),
    "8b": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
               num_key_value_heads=8, vocab_size=128256, tie_word_embeddings=False),
}
STEPS = 24
TOP = 5


def model(shape):
    config = LlamaConfig(max_position_embeddings=32768, rms_norm_eps=1e-5, rope_theta=500000.0,
                         bos_token_id=0, eos_token_id=None, pad_token_id=None, **SHAPES[shape])
    torch.manual_seed(7)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            made = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(previous)
    made.tie_weights()
    scale = 1.0 / config.hidden_size**0.5
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.dim() == 1:
                weight.fill_(1.0)
            elif "embed_tokens" in name and not config.tie_word_embeddings:
                weight.normal_(0, 1.0)
            else:
                weight.normal_(0, scale)
    return made.eval()


def shards(made):
    """Names of tensors, some GB together; none twice, though names may share one."""
    lists, size, seen = [[]], 0, set()
    for name, tensor in made.state_dict().items():
        if tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        if size > 0 and size + tensor.nbytes > 2e9:
            lists.append([])
            size = 0
        lists[-1].append(name)
        size += tensor.nbytes
    return lists


def write(made, folder):
    os.makedirs(folder, exist_ok=True)
    tensors, lists = made.state_dict(), shards(made)
    file_of = lambda i: "model-%05d-of-%05d.safetensors" % (i + 1, len(lists))

    def save(i):
        save_file({name: tensors[name].cpu() for name in lists[i]}, os.path.join(folder, file_of(i)), metadata={"format": "pt"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(save, range(len(lists))))
    index = dict(metadata=dict(total_size=sum(tensors[name].nbytes for names in lists for name in names)),
                 weight_map={name: file_of(i) for i, names in enumerate(lists) for name in names})
    json.dump(index, open(os.path.join(folder, "model.safetensors.index.json"), "w"))
    config, rotary = made.config, made.model.rotary_emb.inv_freq.double().cpu()
    head = config.hidden_size // config.num_attention_heads
    kept = {field: getattr(config, field) for field in (
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "vocab_size", "tie_word_embeddings", "max_position_embeddings", "rms_norm_eps", "hidden_act")}
    kept.update(architectures=["LlamaForCausalLM"], model_type="llama", torch_dtype="bfloat16",
                # As the library took it, wherever its release keeps it.
                rope_theta=round(float(rotary[1]) ** (-head / 2), -2))
    json.dump(kept, open(os.path.join(folder, "config.json"), "w"))
    open(os.path.join(folder, "written"), "w").close()


@torch.no_grad()
def answers(made, vocabulary):
    generator = torch.Generator().manual_seed(11)
    results = []
    for length in (1, 17, 64, 300):
        prompt = torch.randint(0, vocabulary, (1, length), generator=generator).cuda()
        out = made(prompt, use_cache=True)
        steps, tokens = [], []
        for _ in range(STEPS):
            logprobs = torch.log_softmax(out.logits[0, -1].float(), -1)
            top = torch.topk(logprobs, TOP)
            steps.append([[int(i), float(p)] for p, i in zip(top.values.cpu(), top.indices.cpu())])
            token = top.indices[0].view(1, 1)
            tokens.append(int(token))
            out = made(token, past_key_values=out.past_key_values, use_cache=True)
        results.append(dict(prompt=prompt[0].tolist(), tokens=tokens, top=steps))
    return results


@torch.no_grad()
def generation(made, vocabulary, batch, prompt, tokens):
    ids = torch.randint(0, vocabulary, (batch, prompt), device="cuda")
    mask = torch.ones_like(ids)
    settings = dict(attention_mask=mask, do_sample=False, use_cache=True, pad_token_id=0)
    made.generate(ids, max_new_tokens=2, min_new_tokens=2, **settings)
    torch.cuda.synchronize()

    def seconds(count):
        begin = time.time()
        made.generate(ids, max_new_tokens=count, min_new_tokens=count, **settings)
        torch.cuda.synchronize()
        return time.time() - begin

    short = seconds(2)
    return batch * (tokens - 2) / (seconds(tokens) - short)


def ceilings():
    source = torch.empty(1 << 30, dtype=torch.int16, device="cuda").zero_()
    target = torch.empty_like(source)
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    b = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)

    def best(work, repeat=8):
        times = []
        for _ in range(repeat):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            work()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        return min(times)

    copy = 2 * source.numel() * 2 / best(lambda: target.copy_(source))
    product = 2 * 8192**3 / best(lambda: torch.matmul(a, b))
    return dict(copy=copy, product=product, device=torch.cuda.get_device_name(),
                torch=torch.__version__, transformers=transformers.__version__)


def quiet():
    """Waits a while for the file that QUIET names: then nobody else uses the device."""
    until = time.time() + 60
    while "QUIET" in os.environ and not os.path.exists(os.environ["QUIET"]) and time.time() < until:
        time.sleep(0.1)


def keep(result, target):
    """Writes what there is, in place of what was there, so that a time limit costs only the rest."""
    with open(target + ".new", "w") as file:
        json.dump(result, file)
    os.replace(target + ".new", target)


def main():
    shape, folder, target = sys.argv[1:4]
    begin = time.time()
    result = {}
    made = model(shape)
    vocabulary = made.config.vocab_size
    result["answers"] = answers(made, vocabulary)
    print("reference %s: answers after %.1f s" % (shape, time.time() - begin), flush=True)
    write(made, folder)
    print("reference %s: written after %.1f s" % (shape, time.time() - begin), flush=True)
    if "--speed" in sys.argv:
        quiet()
        result["ceilings"] = ceilings()
        torch.cuda.empty_cache()
        speed = result["tokens_per_second"] = {}
        keep(result, target)
        for batch in (1, 16, 64):
            try:
                speed[str(batch)] = generation(made, vocabulary, batch, 512, 26)
            except Exception as e:  # one failure must not cost the rest
                print("generation of %d failed: %s" % (batch, e), flush=True)
    keep(result, target)
    print("reference %s: done after %.1f s" % (shape, time.time() - begin), flush=True)


main()
