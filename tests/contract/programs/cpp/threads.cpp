#include <bits/stdc++.h>
// Virtual functions, threads, and what is told from one to another.
struct Base {
  virtual ~Base() = default;
  virtual int f() const { return 1; }
};
template <class T> struct D : Base {
  T v;
  D(T v) : v(v) {}
  ~D() override { std::cout << "~D" << v << '\n'; }
  int f() const override { return int(v); }
};
int main() {
  std::vector<std::thread> t;
  std::atomic<int> n{0};
  std::mutex m;
  std::condition_variable cv;
  for (int i = 0; i < 4; i++)
    t.emplace_back([&] {
      for (int k = 0; k < 1000; k++)
        n++;
      std::lock_guard g(m);
      cv.notify_all();
    });
  for (auto &each : t)
    each.join();
  std::cout << n << '\n';
  auto f = std::async(std::launch::async, [] { return 42; });
  std::cout << f.get() << '\n';
  std::promise<std::string> p;
  auto pf = p.get_future();
  std::thread th([&] { p.set_value("promised"); });
  th.join();
  std::cout << pf.get() << '\n';
  std::packaged_task<int(int)> task([](int x) { return x * 2; });
  auto tf = task.get_future();
  task(21);
  std::cout << tf.get() << '\n';
  std::shared_ptr<Base> b = std::make_shared<D<int>>(3);
  std::weak_ptr<Base> w = b;
  std::cout << b->f() << w.use_count() << '\n';
  b.reset();
  std::unique_ptr<Base> u = std::make_unique<D<double>>(2.5);
  std::cout << u->f() << dynamic_cast<D<double> *>(u.get())->v << typeid(*u).name() << '\n';
#if __cplusplus >= 202002L
  std::latch l(1);
  l.count_down();
  l.wait();
  std::stop_source ss;
  std::cout << ss.stop_requested() << '\n';
#endif
  try {
    std::vector<int>().at(3);
  } catch (const std::exception &e) {
    std::cout << e.what() << '\n';
  }
  std::variant<int, std::string> v = "x";
  std::visit([](auto &x) { std::cout << x << '\n'; }, v);
  std::any a = 3;
  std::cout << std::any_cast<int>(a) << std::optional<int>(4).value() << '\n';
}
