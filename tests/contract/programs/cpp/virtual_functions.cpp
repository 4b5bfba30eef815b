#include <bits/stdc++.h>
// Classes whose tables of virtual functions the header asks for itself, heirs of theirs, and the program's own.
struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  virtual std::string name() const { return "shape"; }
};
struct Square : virtual Shape {
  double side;
  explicit Square(double s) : side(s) {}
  double area() const override { return side * side; }
};
struct Named : virtual Shape {
  std::string name() const override { return "named"; }
};
struct Both final : Square, Named {
  Both() : Square(3) {}
};
template <typename T> struct Holder : Shape {
  T value{};
  double area() const override { return value; }
};
struct Facet : std::codecvt_byname<char32_t, char, mbstate_t> {
  Facet() : codecvt_byname("C") {}
  ~Facet() override { std::cout << "facet gone\n"; }
  int do_max_length() const noexcept override { return 42; }
};
struct Buffer : std::stringbuf {
  int overflow(int c) override {
    std::cout << "overflow\n";
    return std::stringbuf::overflow(c);
  }
};
struct Failure : std::bad_any_cast {
  const char *what() const noexcept override { return "a failure"; }
};
int main() {
  Both both;
  Shape &shape = both;
  std::cout << shape.name() << shape.area() << (dynamic_cast<Named *>(&shape) != nullptr) << typeid(shape).name() << '\n';
  std::unique_ptr<Shape> holder = std::make_unique<Holder<int>>();
  std::cout << holder->name() << holder->area() << typeid(*holder).name() << '\n';
  {
    auto facet = std::make_unique<Facet>();
    std::codecvt<char32_t, char, mbstate_t> &base = *facet;
    std::cout << base.max_length() << base.always_noconv() << base.encoding() << '\n';
  }
  Buffer buffer;
  std::ostream(&buffer) << "text";
  std::cout << buffer.str() << '\n';
  auto thrown = [](auto function) {
    try {
      function();
    } catch (const std::exception &e) {
      std::cout << typeid(e).name() << ": " << e.what() << '\n';
    }
  };
  thrown([] { throw Failure(); });
  thrown([] { std::any_cast<int>(std::any('a')); });
  thrown([] { std::optional<int>().value(); });
  thrown([] { std::get<int>(std::variant<char, int>('a')); });
  thrown([] { std::stoi("x"); });
  auto mutex = std::make_shared<std::mutex>();
  std::weak_ptr<std::mutex> weak = mutex;
  mutex.reset();
  std::cout << weak.expired() << '\n';
  std::packaged_task<int(int)> task([](int x) { return 2 * x; });
  auto future = task.get_future();
  task(21);
  std::cout << future.get() << std::async([] { return 7; }).get() << '\n';
}
