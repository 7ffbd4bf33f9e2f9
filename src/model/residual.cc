#include "model/residual.h"

namespace fathom::model {

void Residual::project(Pass& pass, const WeightMatrix& fn, const float* streams, std::int64_t rows) {
  flat_.set(streams, fn.cols, rows, fn.cols);
  const Product product{fn,      0,    fn.rows, flat_.packed(pass, kernels::WeightFormat::f32, kernels::ActivationRounding::none),
                        kernels::ActivationRounding::none, rows, nullptr, projection_.get(rows * fn.rows), fn.rows, false};
  run_products(pass, {&product, 1});
  float* sums = sum_sq_.get(rows);
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    pass.ops.sum_of_squares({.x = streams + begin * fn.cols, .rows = end - begin, .cols = fn.cols, .sum = sums + begin});
  });
}

void Residual::collapse(Pass& pass, const HyperConnectionWeights& w, const std::vector<std::uint16_t>& norm,
                        const float* streams, std::int64_t rows, float* u) {
  const Config& c = pass.model.config;
  const int streams_count = c.streams;
  const bool round = pass.model.official();
  project(pass, w.fn, streams, rows);
  float* pre = pre_.get(rows * streams_count);
  float* post = post_.get(rows * streams_count);
  float* comb = comb_.get(rows * streams_count * streams_count);
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t count = end - begin;
    pass.ops.hc_mix({.projection = projection_.data() + begin * w.fn.rows,
                     .sum_sq = sum_sq_.data() + begin,
                     .base = w.base.data(),
                     .scale = w.scale.data(),
                     .tokens = count,
                     .streams = streams_count,
                     .width = w.fn.cols,
                     .rms_eps = c.rms_eps,
                     .hc_eps = c.hc_eps,
                     .sinkhorn_iterations = c.sinkhorn_iterations,
                     .pre = pre + begin * streams_count,
                     .post = post + begin * streams_count,
                     .comb = comb + begin * streams_count * streams_count});
    float* out = u + begin * c.hidden;
    pass.ops.hc_collapse({.x = streams + begin * w.fn.cols,
                          .pre = pre + begin * streams_count,
                          .tokens = count,
                          .streams = streams_count,
                          .dim = c.hidden,
                          .round_output = round,
                          .u = out});
    pass.ops.rms_norm({.x = out, .x_stride = c.hidden, .rows = count, .cols = c.hidden, .gain = norm.data(), .eps = c.rms_eps,
                       .y = out, .y_stride = c.hidden, .round_output = round, .round_steps = false});
  });
}

void Residual::expand(Pass& pass, const float* y, std::int64_t rows, float* streams) {
  const Config& c = pass.model.config;
  const std::int64_t width = std::int64_t{c.streams} * c.hidden;
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    pass.ops.hc_expand({.y = y + begin * c.hidden,
                        .post = post_.data() + begin * c.streams,
                        .comb = comb_.data() + begin * c.streams * c.streams,
                        .tokens = end - begin,
                        .streams = c.streams,
                        .dim = c.hidden,
                        .round_output = pass.model.official(),
                        .x = streams + begin * width});
  });
}

void Residual::head(Pass& pass, const HeadWeights& w, const float* streams, std::int64_t rows, float* h) {
  const Config& c = pass.model.config;
  const bool round = pass.model.official();
  project(pass, w.hc.fn, streams, rows);
  float* weights = pre_.get(rows * c.streams);
  pass.for_rows(rows, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t count = end - begin;
    pass.ops.hc_head({.projection = projection_.data() + begin * c.streams,
                      .sum_sq = sum_sq_.data() + begin,
                      .base = w.hc.base.data(),
                      .scale = w.hc.scale[0],
                      .tokens = count,
                      .streams = c.streams,
                      .width = w.hc.fn.cols,
                      .rms_eps = c.rms_eps,
                      .hc_eps = c.hc_eps,
                      .weights = weights + begin * c.streams});
    float* out = h + begin * c.hidden;
    pass.ops.hc_collapse({.x = streams + begin * w.hc.fn.cols,
                          .pre = weights + begin * c.streams,
                          .tokens = count,
                          .streams = c.streams,
                          .dim = c.hidden,
                          .round_output = round,
                          .u = out});
    pass.ops.rms_norm({.x = out, .x_stride = c.hidden, .rows = count, .cols = c.hidden, .gain = w.norm.data(),
                       .eps = c.rms_eps, .y = out, .y_stride = c.hidden, .round_output = round, .round_steps = false});
  });
}

}  // namespace fathom::model
