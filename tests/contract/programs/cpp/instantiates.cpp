#include <bits/stdc++.h>
// Explicit instantiation of what the header may have instantiated.
template class std::vector<int>;
template class std::vector<double>;
template class std::vector<std::string>;
template class std::basic_string<char>;
template class std::basic_string<char16_t>;
template class std::map<int, std::string>;
template class std::shared_ptr<int>;
extern template class std::vector<float>;
extern template class std::deque<char>;
template class std::vector<float>;
template class std::deque<char>;
template std::string std::operator+(const std::string &, const std::string &);
template class std::basic_stringbuf<char>;
template class std::__codecvt_abstract_base<char16_t, char, mbstate_t>;
template class std::function<void()>;
template void std::sort(int *, int *);
int main() {
  std::vector<float> v{1, 2};
  std::cout << v.size() << std::string("a") + std::string("b") << '\n';
}
