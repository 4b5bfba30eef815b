#include <bits/stdc++.h>
// Structured bindings, folds, variants and files; and, where the compiler's own standard has them, ranges, coroutines
// and formats.
#if __cplusplus >= 202002L
#include <coroutine>
template <typename T> struct Generator {
  struct promise_type {
    T value;
    Generator get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(T next) {
      value = next;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
  std::coroutine_handle<promise_type> handle;
  Generator(std::coroutine_handle<promise_type> h) : handle(h) {}
  ~Generator() { handle.destroy(); }
  bool next() {
    handle.resume();
    return !handle.done();
  }
};
Generator<int> squares(int count) {
  for (int i = 0; i < count; i++)
    co_yield i * i;
}
#endif
struct Point {
  int x, y;
};
template <typename... Numbers> auto sum(Numbers... numbers) { return (numbers + ... + 0); }
#if __cpp_lib_format
template <> struct std::formatter<Point> : std::formatter<int> {
  auto format(const Point &p, auto &context) const {
    return std::format_to(context.out(), "({}, {})", p.x, p.y);
  }
};
#endif
int main() {
  auto [x, y] = Point{1, 2};
  std::cout << x << y << sum(1, 2.5, 'c') << std::filesystem::path("/box/work/main").filename() << '\n';
  std::map<std::string_view, std::optional<int>> few{{"one", 1}, {"none", std::nullopt}};
  for (auto &[key, value] : few)
    if (auto number = value.value_or(-1); number < std::clamp(5, 0, 9))
      std::cout << key << number << ' ';
#if __cplusplus >= 202002L
  auto generator = squares(4);
  while (generator.next())
    std::cout << generator.handle.promise().value << ' ';
  auto odd = std::views::iota(1, 20) | std::views::filter([](int i) { return i % 2; }) | std::views::take(3);
  for (int i : odd | std::views::reverse)
    std::cout << i << ' ';
  std::vector<std::string> words{"pear", "fig", "apple"};
  std::ranges::sort(words, {}, &std::string::size);
  std::cout << words[0] << std::ranges::count(words, "fig") << '\n';
#endif
  std::variant<int, std::string, double> either = 2.5;
  either = "text";
  std::cout << std::visit([](auto &&v) { return sizeof v; }, either) << either.index() << '\n';
#if __cpp_lib_format
  std::cout << std::format("{:>8}|{:<6}|{:^7}|{:#x}|{:+.3f}|{:e}|{}|{}\n", 12, "ab", 'c', 255, 1.5, 1e10, true, nullptr);
  std::wcout << std::format(L"{} {:*^9} {}\n", 1, L"wide", 2.5);
  std::cout << std::format("{} {:%F}\n", Point{1, 2}, std::chrono::sys_days{});
  try {
    int number = 1;
    std::cout << std::vformat("{:s}", std::make_format_args(number));
  } catch (const std::format_error &e) {
    std::cout << e.what() << '\n';
  }
#endif
}
