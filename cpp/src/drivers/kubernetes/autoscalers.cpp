#include "drivers/kubernetes/autoscalers.hpp"

#include <array>
#include <limits>
#include <utility>

#include "http/percent.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

using Sort = Autoscaler::Sort;

constexpr auto taken_annotation = "selfscale/taken-over";
constexpr auto paused_annotation = "autoscaling.keda.sh/paused";
constexpr auto paused_count_annotation = "autoscaling.keda.sh/paused-replicas";

// --- addresses

std::string collection(const Target& target, Sort sort) {
  const auto* group = sort == Sort::scaled_object ? "keda.sh/v1alpha1" : "autoscaling/v2";
  const auto* resource = sort == Sort::scaled_object ? "scaledobjects" : "horizontalpodautoscalers";
  return std::string{"/apis/"} + group + "/namespaces/" + target.name_space + "/" + resource;
}

// --- reading

std::string or_else(std::string text, const char* usual) {
  return text.empty() ? usual : std::move(text);
}

/// A ScaledObject's kind may be left out.
bool is_of_target(const Target& target, const Json& reference) {
  const auto version = or_else(text(at(reference, "apiVersion")), "apps/v1");
  return version.starts_with("apps/") &&
         or_else(text(at(reference, "kind")), "Deployment") == kind_name(target.kind) &&
         text(at(reference, "name")) == target.name;
}

std::string scaled_object_of(const Json& metadata) {
  for (const auto& owner : at(metadata, "ownerReferences")) {
    if (text(at(owner, "kind")) == "ScaledObject") return text(at(owner, "name"));
  }
  return {};
}

std::string bounds_of(const Json& spec) {
  const auto least = count(at(spec, "minReplicas"), 1).value_or(1);
  const auto most = count(at(spec, "maxReplicas"), 0).value_or(0);
  return " (" + std::to_string(least) + " to " + std::to_string(most) + " replicas)";
}

/// What was there before it was taken over; no object: it was not.
Json left_behind(const Json& metadata) {
  return parse_shallow<Json>(text(at(metadata, "annotations", taken_annotation)));
}

std::string merge_patch(const Json& metadata, Json annotations, Json spec) {
  Json body = {{"metadata",
                {{"resourceVersion", text(at(metadata, "resourceVersion"))},
                 {"annotations", std::move(annotations)}}}};
  if (!spec.empty()) body["spec"] = std::move(spec);
  return body.dump();
}

// --- HorizontalPodAutoscalers

/// Neither direction is allowed, and no count lies outside of its bounds, to which it would lead
/// even so.
const Json& suspended_spec() {
  static const Json spec = {{"minReplicas", 1},
                            {"maxReplicas", std::numeric_limits<std::int32_t>::max()},
                            {"behavior",
                             {{"scaleUp", {{"selectPolicy", "Disabled"}}},
                              {"scaleDown", {{"selectPolicy", "Disabled"}}}}}};
  return spec;
}

/// The API adds its defaults to what was written of `behavior`.
bool is_suspended(const std::string& key, const Json& value) {
  if (key != "behavior") return value == suspended_spec()[key];
  return text(at(value, "scaleUp", "selectPolicy")) == "Disabled" &&
         text(at(value, "scaleDown", "selectPolicy")) == "Disabled";
}

/// Whatever a person has set since it was taken over is what they get back.
void add_patches(const Json& metadata, const Json& spec, Autoscaler& autoscaler) {
  const auto before = left_behind(metadata);
  const bool was_taken = before.is_object();
  Json kept = was_taken ? before : Json::object();
  Json given_back = Json::object();
  bool is_still = true;
  for (const auto& [key, value] : suspended_spec().items()) {
    const auto& now = at(spec, key.c_str());
    if (is_suspended(key, now)) {
      given_back[key] = at(before, key.c_str());
    } else {
      is_still = false;
    }
    if (!kept.contains(key) || !is_suspended(key, now)) kept[key] = now;
  }
  if (!is_still) {
    autoscaler.suspending =
        merge_patch(metadata, {{taken_annotation, kept.dump()}}, suspended_spec());
  }
  if (was_taken) {
    autoscaler.giving_back =
        merge_patch(metadata, {{taken_annotation, nullptr}}, std::move(given_back));
  }
}

Autoscaler read_autoscaler(const Target& target, const Json& object) {
  const auto& metadata = at(object, "metadata");
  Autoscaler read;
  read.name = text(at(metadata, "name"));
  read.scaled_object = scaled_object_of(metadata);
  read.about = "the HorizontalPodAutoscaler " + read.name;
  if (!read.scaled_object.empty()) {
    read.about += ", made by KEDA for the ScaledObject " + read.scaled_object + ",";
  }
  read.about += " scales " + std::string{kind_name(target.kind)} + " " + target.name + " too" +
                bounds_of(at(object, "spec"));
  add_patches(metadata, at(object, "spec"), read);
  return read;
}

// --- ScaledObjects

Autoscaler read_scaled_object(const Target& target, const Json& object) {
  const auto& metadata = at(object, "metadata");
  const auto& annotations = at(metadata, "annotations");
  Autoscaler read;
  read.sort = Sort::scaled_object;
  read.name = text(at(metadata, "name"));
  read.about = "KEDA's ScaledObject " + read.name + " scales " +
               std::string{kind_name(target.kind)} + " " + target.name + " too";
  const auto& paused = at(annotations, paused_annotation);
  const bool is_paused =
      text(paused) == "true" || !at(annotations, paused_count_annotation).is_null();
  if (!is_paused) {
    const Json kept = {{"paused", paused}};
    read.suspending =
        merge_patch(metadata, {{paused_annotation, "true"}, {taken_annotation, kept.dump()}}, {});
  }
  if (const auto before = left_behind(metadata); before.is_object()) {
    read.giving_back = merge_patch(
        metadata, {{paused_annotation, at(before, "paused")}, {taken_annotation, nullptr}}, {});
  }
  return read;
}

using Read = Autoscaler (*)(const Target&, const Json&);

Result<Autoscalers> parse_list(const Target& target, std::string_view body, const char* kind,
                               Read read_one) {
  const auto list = parse(body, kind);
  if (!list) return list.error();
  Autoscalers read;
  for (const auto& each : at(*list, "items")) {
    if (!is_of_target(target, at(each, "spec", "scaleTargetRef"))) continue;
    read.on_target.push_back(read_one(target, each));
  }
  read.next_page = text(at(*list, "metadata", "continue"));
  return read;
}

}  // namespace

Request list_autoscalers(const Target& target, const std::string& page) {
  return get(paged(collection(target, Sort::horizontal_pod_autoscaler), page),
             may_list_autoscalers());
}

Result<Autoscalers> parse_autoscalers(const Target& target, std::string_view body) {
  return parse_list(target, body, "HorizontalPodAutoscalerList", read_autoscaler);
}

Request list_scaled_objects(const Target& target, const std::string& page) {
  return get(paged(collection(target, Sort::scaled_object), page), may_list_scaled_objects());
}

Result<Autoscalers> parse_scaled_objects(const Target& target, std::string_view body) {
  return parse_list(target, body, "ScaledObjectList", read_scaled_object);
}

Request change_autoscaler(const Target& target, const Autoscaler& autoscaler,
                          const std::string& body) {
  return patch(collection(target, autoscaler.sort) + "/" + http::percent_encoded(autoscaler.name) +
                   "?fieldManager=selfscale",
               body, may_change(autoscaler));
}

Permission may_list_autoscalers() {
  return {"list", "autoscaling", "horizontalpodautoscalers", {}};
}
Permission may_list_scaled_objects() { return {"list", "keda.sh", "scaledobjects", {}}; }
Permission may_change(const Autoscaler& autoscaler) {
  if (autoscaler.sort == Sort::scaled_object) {
    return {"patch", "keda.sh", "scaledobjects", autoscaler.name};
  }
  return {"patch", "autoscaling", "horizontalpodautoscalers", autoscaler.name};
}

}  // namespace selfscale::drivers::kubernetes
